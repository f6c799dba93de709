// What a fetch changed: each ref, in git's words.

import { foreign, h } from '../lib/dom.js';
import { commitLink, logLink, treeLink } from '../lib/route.js';
import { count, formatBytes } from '../lib/text.js';
import { shortRev } from './frame.js';

/** @typedef {import('../../pkg/index.js').FetchResult} FetchResult */
/** @typedef {import('../../pkg/index.js').RefUpdate} RefUpdate */

/** How many refs are shown at a time. */
const PAGE = 20;

/** The refs that are not as they were, or were refused. @param {FetchResult} result */
export function changed({ updates }) {
  return updates.filter(({ kind }) => kind !== 'up-to-date');
}

/** One sentence. @param {FetchResult} result */
export function summary(result) {
  const refs = changed(result);
  const refused = refs.filter(({ kind }) => kind === 'rejected').length;
  const moved = refs.length - refused;
  const parts = [];
  if (moved) parts.push(`${count(moved, 'ref')} changed`);
  if (refused) parts.push(`${count(refused, 'ref')} rejected`);
  if (!refs.length) parts.push(result.shallowChanged ? 'The history reaches further back' : result.objects ? 'No ref changed' : 'Already up to date');
  return parts.join(', ');
}

/** What came, and what it took. @param {FetchResult} result */
export function cost({ objects, bytes, rounds }) {
  return objects || rounds ? `${count(objects, 'object')} received, ${formatBytes(bytes)}, ${count(rounds, 'round')} of negotiation.` : '';
}

/**
 * Git's word for what became of a ref; for a new one it depends on what it is called there.
 * @param {RefUpdate} update
 */
function word({ kind, name, remoteName = name }) {
  const isTag = name.startsWith('refs/tags/');
  switch (kind) {
    case 'new':
      return remoteName.startsWith('refs/tags/') ? 'new tag' : remoteName.startsWith('refs/heads/') ? 'new branch' : 'new ref';
    case 'forced':
      return isTag ? 'tag update' : 'forced update';
    default:
      return kind;
  }
}

/** Git's reasons, said in other words. */
const EXPLAINED = new Map([
  ['would clobber existing tag', 'the server has moved this tag; yours stays where it is'],
  ['non-fast-forward', 'it would lose commits'],
]);

/** @param {string} name of the repository @param {FetchResult} result */
export function changeList(name, result) {
  const refs = changed(result);
  const rows = h('ul', { class: 'changes' });
  const more = h('button', { type: 'button', onclick: next });
  const end = h('p', { class: 'actions' }, more);
  function next() {
    const from = rows.childElementCount;
    rows.append(...refs.slice(from, from + PAGE).map((update) => row(name, update)));
    const left = refs.length - rows.childElementCount;
    if (left <= 0) end.remove();
    else more.textContent = `Show ${count(Math.min(left, PAGE), 'more ref')} of ${left.toLocaleString('en')}`;
  }
  next();
  return [
    refs.length > 0 && rows,
    refs.length > PAGE && end,
    h('p', { class: 'detail' }, cost(result)),
    result.ignored.length > 0 &&
      h(
        'details',
        { class: 'ignored' },
        h('summary', {}, `${count(result.ignored.length, 'name')} on the server that git refuses; left out`),
        h('ul', {}, result.ignored.slice(0, 200).map((ignored) => h('li', {}, h('code', {}, foreign(ignored))))),
      ),
  ];
}

/** @param {string} name @param {RefUpdate} update */
function row(name, update) {
  const { kind, reason } = update;
  const here = kind !== 'deleted' && !(kind === 'rejected' && update.old === null);
  const label = foreign(shortRev(update.name));
  return h(
    'li',
    { class: `change ${kind}`, 'data-ref': update.name, 'data-kind': kind },
    h('span', { class: 'kind' }, word(update)),
    h('span', { class: 'ref', title: update.name }, here ? h('a', { href: treeLink(name, update.name) }, label) : label),
    h('span', { class: 'range' }, range(name, update)),
    reason && h('span', { class: 'reason' }, foreign(reason), EXPLAINED.has(reason) && `: ${EXPLAINED.get(reason)}`),
  );
}

/** "old..new", with git's three dots where it was no fast-forward. @param {string} name @param {RefUpdate} update */
function range(name, { kind, old, new: now }) {
  const before = old && h('a', { class: 'oid', href: commitLink(name, old), title: 'The commit before' }, old.slice(0, 8));
  // What was rejected may not have been fetched.
  const after = now && (kind === 'rejected' ? h('span', { class: 'oid' }, now.slice(0, 8)) : h('a', { class: 'oid', href: logLink(name, now), title: 'History from the new commit' }, now.slice(0, 8)));
  if (!before || !after) return [before || after];
  return [before, kind === 'fast-forward' ? '..' : '...', after];
}
