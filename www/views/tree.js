// A directory, with its README as text below.

import { append, foreign, h, icon } from '../lib/dom.js';
import { draftOf } from '../lib/draft.js';
import { localBranch, repository } from '../lib/git.js';
import { problem } from '../lib/problem.js';
import { blobLink, commitLink, treeLink } from '../lib/route.js';
import { relativeDate, timeProps } from '../lib/text.js';
import { directoryActions, draftNote } from './actions.js';
import { downloading } from './download.js';
import { crumbs, pathLinks, shortRev, showRev, toolbar } from './frame.js';

/** @typedef {import('../../pkg/index.js').TreeEntry} TreeEntry */
/** @typedef {import('../../pkg/index.js').RemoteOptions} RemoteOptions */

const README_LIMIT = 512 * 1024;
/** How many entries are shown at a time: a page of 20 000 rows takes seconds. */
const PAGE = 1000;

/** @param {import('../app.js').Page} page @param {{ name: string, rev: string, path: string }} route */
export async function treeView(page, { name, rev, path }) {
  const { signal } = page;
  const repo = await repository(name);
  const label = await showRev(repo, rev, signal);
  page.title(`${path || name} at ${shortRev(label)}`);
  crumbs(page, name, rev);
  const bar = await toolbar(repo, { view: 'tree', rev, label, path, signal });
  const heading = h('h1', { tabindex: -1, class: 'unseen' }, path || name);
  const place = h('div', { class: 'stack' });
  /** @type {TreeEntry[]} */
  let entries;
  try {
    const read = async (/** @type {RemoteOptions} */ options) => Array.fromAsync(repo.tree(rev, { path, ...options }));
    entries = (await downloading(place, signal, read, wait)) ?? [];
    if (signal.aborted) return;
  } catch (error) {
    if (signal.aborted) throw error;
    const empty = rev === 'HEAD' && path === '' && /** @type {{ code?: string }} */ (error).code === 'RefNotFound';
    page.main.replaceChildren(heading, bar, empty ? h('p', { class: 'empty' }, 'This repository has no commits yet.') : problem(error));
    return;
  }
  function wait() {
    page.main.replaceChildren(heading, bar, pathLinks(name, rev, path), place);
    page.ready();
  }
  const isDirectory = (/** @type {TreeEntry} */ entry) => entry.type === 'tree';
  entries.sort((a, b) => Number(isDirectory(b)) - Number(isDirectory(a)));
  const up = path === '' ? [] : [h('tr', {}, h('td', {}, h('a', { href: treeLink(name, rev, path.split('/').slice(0, -1).join('/')), 'aria-label': 'Parent directory' }, '..')), h('td', {}))];
  let shown = 0;
  page.main.replaceChildren(
    heading,
    bar,
    draftNote(repo, draftOf(name), await localBranch(repo, rev, signal)) ?? '',
    h('div', { class: 'headline' }, pathLinks(name, rev, path), directoryActions(repo, rev, path)),
    h('section', { class: 'latest', id: 'latest' }, '\u00a0'),
    h(
      'table',
      { class: 'files', id: 'files' },
      h('thead', { class: 'unseen' }, h('tr', {}, h('th', { scope: 'col' }, 'Name'), h('th', { scope: 'col' }, 'Kind'))),
      h('tbody', { id: 'entries' }, up),
    ),
    h('p', { class: 'actions' }, h('button', { type: 'button', id: 'more', onclick: more })),
  );
  more();
  /** Shows the next entries. */
  function more() {
    const [body, button] = [page.main.querySelector('#entries'), page.main.querySelector('#more')];
    if (!body || !button?.parentElement) return;
    append(body, entries.slice(shown, shown + PAGE).map((entry) => row(name, rev, path, entry)));
    shown += PAGE;
    const left = entries.length - shown;
    if (left <= 0) return button.parentElement.remove();
    button.textContent = `Show ${Math.min(left, PAGE).toLocaleString('en')} of ${left.toLocaleString('en')} more`;
  }
  page.main.dataset.entries = String(entries.length);
  await Promise.all([latest(page, repo, rev, path), readme(page, repo, rev, entries)]);
}

const KINDS = new Map([
  ['100755', 'executable'],
  ['120000', 'symbolic link'],
  ['160000', 'submodule'],
]);

/** @param {string} name @param {string} rev @param {string} path @param {TreeEntry} entry */
function row(name, rev, path, entry) {
  const file = entry.path.slice(path === '' ? 0 : path.length + 1);
  const full = entry.path;
  const kind = KINDS.get(entry.mode);
  const note = entry.type === 'commit' ? `submodule at ${entry.oid.slice(0, 10)}` : kind;
  const glyph = entry.type === 'tree' ? 'tree' : entry.type === 'commit' ? 'commit' : entry.mode === '120000' ? 'link' : 'blob';
  const label = [icon(glyph), foreign(file)];
  const link =
    entry.type === 'commit'
      ? h('span', { class: 'name' }, label)
      : h('a', { class: 'name', href: entry.type === 'tree' ? treeLink(name, entry.pathBytes ? entry.oid : rev, entry.pathBytes ? '' : full) : blobLink(name, rev, full, entry.pathBytes ? entry.oid : '') }, label);
  return h('tr', {}, h('td', {}, link), h('td', { class: 'detail' }, note ?? ''));
}

/** The newest commit that touches the directory. @param {import('../app.js').Page} page @param {import('../lib/git.js').Repository} repo @param {string} rev @param {string} path */
async function latest(page, repo, rev, path) {
  const place = page.main.querySelector('#latest');
  if (!place) return;
  try {
    for await (const commit of repo.log(rev, { limit: 1, signal: page.signal, ...(path ? { path } : {}) })) {
      const subject = commit.message.split('\n', 1)[0];
      place.replaceChildren(
        h('b', {}, foreign(commit.author.name)),
        ' ',
        h('a', { class: 'subject', href: commitLink(repo.name, commit.oid) }, foreign(subject || '(no message)')),
        h('span', { class: 'detail', title: timeProps(commit.committer).title }, relativeDate(commit.committer.timestamp)),
      );
    }
  } catch (error) {
    if (!page.signal.aborted) place.remove(); // the rev names a tree, which has no history
  }
}

/** @param {import('../app.js').Page} page @param {import('../lib/git.js').Repository} repo @param {string} rev @param {TreeEntry[]} entries */
async function readme(page, repo, rev, entries) {
  const names = /^readme(\.(md|markdown|txt|rst|adoc|org))?$/i;
  const found = entries.filter((entry) => entry.type === 'blob' && names.test(entry.path.split('/').pop() ?? '')).sort((a, b) => Number(b.path.endsWith('.md')) - Number(a.path.endsWith('.md')))[0];
  if (!found) return;
  const place = h('div', {});
  const section = h('section', { class: 'readme', id: 'readme' }, h('h2', {}, h('a', { href: blobLink(repo.name, rev, found.path) }, foreign(found.path.split('/').pop() ?? ''))), place);
  const text = await downloading(place, page.signal, read, wait);
  if (page.signal.aborted) return;
  if (text === undefined) return section.remove();
  place.replaceWith(h('pre', {}, foreign(text)));
  page.main.append(section);
  function wait() {
    page.main.append(section);
    page.ready();
  }
  /** @param {RemoteOptions} options */
  async function read(options) {
    const blob = await repo.blob(found?.oid ?? '', undefined, options);
    return blob.size > README_LIMIT ? undefined : blob.text(options);
  }
}
