// History, newest first, a page at a time.

import { foreign, h } from '../lib/dom.js';
import { repository } from '../lib/git.js';
import { problem } from '../lib/problem.js';
import { commitLink, logLink, treeLink } from '../lib/route.js';
import { relativeDate, timeProps } from '../lib/text.js';
import { crumbs, pathLinks, shortRev, showRev, toolbar } from './frame.js';

const PAGE = 50;

/** @param {import('../app.js').Page} page @param {{ name: string, rev: string, path: string }} route */
export async function logView(page, { name, rev, path }) {
  const { signal } = page;
  const repo = await repository(name);
  const label = await showRev(repo, rev, signal);
  page.title(`History of ${path || name} at ${shortRev(label)}`);
  crumbs(page, name, rev);
  const rows = h('ol', { class: 'log', id: 'log' });
  const more = h('button', { type: 'button', id: 'more', onclick: next }, 'Older commits');
  const end = h('p', { class: 'actions' }, more);
  page.main.replaceChildren(h('h1', { tabindex: -1, class: 'unseen' }, `History of ${path || name}`), await toolbar(repo, { view: 'log', rev, label, path, signal }), pathLinks(name, rev, path, logLink), rows, end);
  const boundary = new Set(await repo.shallow({ signal }));
  const commits = repo.log(rev, { signal, ...(path ? { path } : {}) })[Symbol.asyncIterator]();
  signal.addEventListener('abort', () => void commits.return?.(), { once: true });
  let day = '';
  async function next() {
    more.disabled = true;
    try {
      for (let shown = 0; shown < PAGE; shown += 1) {
        const step = await commits.next();
        if (signal.aborted) return;
        if (step.done) {
          end.replaceChildren(h('span', { class: 'detail' }, rows.childElementCount ? 'That is all.' : 'No commits.'));
          return;
        }
        const { text, title } = timeProps(step.value.committer);
        const heading = title.slice(0, 10);
        if (heading !== day) rows.append(h('li', { class: 'day' }, h('h2', {}, heading)));
        day = heading;
        rows.append(row(name, step.value, text, title));
        if (boundary.has(step.value.oid)) rows.append(h('li', { class: 'detail' }, 'The history below was not cloned (shallow).'));
      }
      more.disabled = false;
    } catch (error) {
      if (!signal.aborted) end.replaceChildren(problem(error));
    }
  }
  await next();
}

/** @param {string} name @param {import('../../pkg/index.js').Commit} commit @param {string} text @param {string} title */
function row(name, commit, text, title) {
  const subject = commit.message.split('\n', 1)[0];
  return h(
    'li',
    { class: 'commit' },
    h('span', { class: 'initial', 'aria-hidden': 'true' }, initials(commit.author.name)),
    h('div', { class: 'grow' }, h('a', { class: 'subject', href: commitLink(name, commit.oid) }, foreign(subject || '(no message)')), h('p', { class: 'detail' }, foreign(commit.author.name), h('span', { title }, ` · ${text}`), commit.parents.length > 1 ? ' · merge' : '')),
    h('a', { class: 'oid', href: treeLink(name, commit.oid), title: 'Files at this commit' }, commit.oid.slice(0, 10)),
  );
}

/** @param {string} name */
export function initials(name) {
  const words = name.trim().split(/\s+/u).filter(Boolean);
  return [...words.slice(0, 1), ...words.slice(1).slice(-1)].map((word) => [...word][0]?.toUpperCase() ?? '').join('') || '?';
}
