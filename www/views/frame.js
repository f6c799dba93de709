// What all pages of a repository share: the tabs, the revision picker, the path.

import { append, foreign, h, icon } from '../lib/dom.js';
import { draftOf, isEmpty } from '../lib/draft.js';
import { filterOf, localBranch } from '../lib/git.js';
import { changesLink, logLink, treeLink } from '../lib/route.js';
import { fetchSheet } from './fetch.js';
import { pickRevision } from './picker.js';
import { pushable } from './push.js';

/** @typedef {import('../lib/git.js').Repository} Repository */

/** How a revision is written on the page: ids are cut to ten digits. @param {string} rev */
export function shortRev(rev) {
  return /^[0-9a-f]{40}$/.test(rev) ? rev.slice(0, 10) : rev.replace(/^refs\/(heads|tags|remotes)\//, '');
}

/** The name of HEAD's branch, or "HEAD" where it is detached. @param {Repository} repo @param {string} rev @param {AbortSignal} signal */
export async function showRev(repo, rev, signal) {
  if (rev !== 'HEAD') return rev;
  for await (const ref of repo.refs({ prefix: 'HEAD', signal })) if (ref.name === 'HEAD' && ref.symbolic) return shortRev(ref.symbolic);
  return rev;
}

/**
 * The bar above a repository's pages.
 * @param {Repository} repo
 * @param {{ view: string, rev: string, label: string, path?: string, signal: AbortSignal }} at
 */
export async function toolbar(repo, { view, rev, label, path = '', signal }) {
  const target = view === 'log' ? logLink : treeLink;
  const button = h(
    'button',
    { type: 'button', class: 'picker', id: 'picker', 'aria-haspopup': 'dialog', onclick: () => pickRevision(repo, rev, (chosen) => (location.hash = target(repo.name, chosen, path)), signal) },
    icon('branch'),
    foreign(shortRev(label)),
    h('span', { class: 'caret', 'aria-hidden': 'true' }, '▾'),
  );
  const actions = h('button', { type: 'button', id: 'fetch', 'aria-haspopup': 'dialog', onclick: () => fetchSheet(repo, { rev, path: view === 'blob' || view === 'tree' ? path : '', signal }) }, icon('fetch'), 'Fetch', h('span', { class: 'caret', 'aria-hidden': 'true' }, '…'));
  /** @param {string} text @param {string} href @param {boolean} current */
  const tab = (text, href, current) => h('a', { href, 'aria-current': current ? 'page' : undefined }, text);
  const draft = draftOf(repo.name);
  const branch = await localBranch(repo, rev, signal);
  const push = branch && (await pushable(repo, branch, signal));
  const changes = (!isEmpty(draft) || view === 'changes') && tab(draft?.edits.length ? `Changes (${draft.edits.length})` : 'Changes', changesLink(repo.name), view === 'changes');
  return h(
    'div',
    { class: 'toolbar' },
    button,
    h('nav', { class: 'tabs', 'aria-label': 'Repository' }, tab('Files', treeLink(repo.name, rev, view === 'log' ? path : ''), view !== 'log' && view !== 'commit' && view !== 'changes'), tab('History', logLink(repo.name, rev, view === 'blob' || view === 'tree' ? path : ''), view === 'log'), changes),
    h('p', { class: 'actions remote' }, push ?? '', actions),
    await partialNote(repo, signal),
  );
}

/** Says of a partial clone what opening a file means. @param {Repository} repo @param {AbortSignal} signal */
async function partialNote(repo, signal) {
  const filter = await filterOf(repo, signal);
  return filter && h('p', { class: 'detail', id: 'partial' }, 'A partial clone (', foreign(filter), filter.startsWith('blob:limit=') ? '): large files are downloaded when they are opened.' : '): files are downloaded when they are opened.');
}

/** @param {import('../app.js').Page} page @param {string} name @param {string} rev */
export function crumbs(page, name, rev = 'HEAD') {
  page.crumbs(h('a', { href: treeLink(name, rev) }, foreign(name)));
}

/**
 * The path as links, the last part plain.
 * @param {string} name @param {string} rev @param {string} path
 * @param {(name: string, rev: string, path: string) => string} link
 */
export function pathLinks(name, rev, path, link = treeLink) {
  const nav = h('nav', { class: 'path', 'aria-label': 'Path' }, h('a', { href: link(name, rev, '') }, foreign(name)));
  const parts = path === '' ? [] : path.split('/');
  parts.forEach((part, index) => {
    const last = index === parts.length - 1;
    append(nav, [h('span', { class: 'slash', 'aria-hidden': 'true' }, '/'), last ? h('b', {}, foreign(part)) : h('a', { href: link(name, rev, parts.slice(0, index + 1).join('/')) }, foreign(part))]);
  });
  return nav;
}
