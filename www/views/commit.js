// One commit: who, when, why, and from where to go on.

import { foreign, h } from '../lib/dom.js';
import { repository } from '../lib/git.js';
import { commitLink, treeLink } from '../lib/route.js';
import { absoluteDate, relativeDate } from '../lib/text.js';
import { crumbs, toolbar } from './frame.js';

/** @param {import('../app.js').Page} page @param {{ name: string, rev: string }} route */
export async function commitView(page, { name, rev }) {
  const { signal } = page;
  const repo = await repository(name);
  const commit = await repo.readCommit(rev, { signal });
  const [subject = '', ...rest] = commit.message.split('\n');
  page.title(subject || commit.oid.slice(0, 10));
  crumbs(page, name, commit.oid);
  const body = rest.join('\n').trim();
  page.main.replaceChildren(
    await toolbar(repo, { view: 'commit', rev: commit.oid, label: commit.oid, signal }),
    h(
      'article',
      { class: 'panel', id: 'commit' },
      h('h1', { tabindex: -1, class: 'subject' }, foreign(subject || '(no message)')),
      body && h('pre', { class: 'message' }, foreign(body)),
      h(
        'dl',
        { class: 'facts' },
        person('Author', commit.author),
        same(commit.author, commit.committer) ? [] : person('Committer', commit.committer),
        fact('Commit', h('code', {}, commit.oid)),
        fact('Tree', h('a', { href: treeLink(name, commit.oid) }, h('code', {}, commit.tree))),
        commit.parents.flatMap((parent, index) => fact(commit.parents.length > 1 ? `Parent ${index + 1}` : 'Parent', h('a', { href: commitLink(name, parent) }, h('code', {}, parent)))),
        commit.gpgsig ? fact('Signature', 'Signed. This page does not check signatures.') : [],
      ),
      h('p', { class: 'actions' }, h('a', { class: 'button primary', href: treeLink(name, commit.oid) }, 'Files at this commit')),
    ),
  );
}

/** @typedef {import('../../pkg/index.js').Signature} Signature */

/** @param {string} label @param {Node | string} value */
function fact(label, value) {
  return [h('dt', {}, label), h('dd', {}, value)];
}

/** @param {string} label @param {Signature} who */
function person(label, who) {
  return fact(label, h('span', {}, foreign(who.name), ' ', h('span', { class: 'detail' }, '<', foreign(who.email), '> ', absoluteDate(who), ` (${relativeDate(who.timestamp)})`)));
}

/** @param {Signature} a @param {Signature} b */
function same(a, b) {
  return a.name === b.name && a.email === b.email && a.timestamp === b.timestamp;
}
