// A branch that moved while it was edited: in another tab, or by a fetch. Says what came, and puts
// the changes on top of it.

import { foreign, h } from '../lib/dom.js';
import { editsOf, setDraft, tipOf } from '../lib/draft.js';
import { problem } from '../lib/problem.js';
import { commitLink } from '../lib/route.js';
import { CHANGED } from '../lib/jobs.js';
import { committedAs } from './draft.js';
import { shortRev } from './frame.js';

/** @typedef {import('../lib/git.js').Repository} Repository */
/** @typedef {import('../lib/draft.js').Draft} Draft */

/** How many commits are named. */
const SHOWN = 5;

/**
 * @param {Repository} repo @param {Draft} draft
 * @param {{ message: string, author: { name: string, email: string } }} how the commit was to be
 */
export async function movedOn(repo, draft, how) {
  const tip = await tipOf(repo, draft.branch);
  const branch = foreign(shortRev(draft.branch));
  if (tip === null) return h('section', { class: 'problem', role: 'alert', id: 'moved' }, h('h2', { tabindex: -1 }, branch, ' is gone'), h('p', {}, 'The branch was deleted while you edited. The changes can be committed on a new branch.'));
  const news = [];
  for await (const commit of repo.log(tip, { limit: SHOWN + 1 })) {
    if (commit.oid === draft.tip) break;
    news.push(commit);
  }
  const result = h('div', { class: 'stack' });
  const button = h('button', { type: 'button', class: 'primary', id: 'on-top', onclick: act }, 'Commit on top of it');
  async function act() {
    button.disabled = true;
    try {
      await onTop(repo, draft, tip ?? '', how);
    } catch (error) {
      button.disabled = false;
      result.replaceChildren(problem(error));
    }
  }
  return h(
    'section',
    { class: 'problem', role: 'alert', id: 'moved' },
    h('h2', { tabindex: -1 }, branch, ' has moved while you edited'),
    h('p', {}, 'Somebody, or another tab of yours, committed to it. Nothing of yours is lost, and nothing of theirs is overwritten.'),
    h('ul', { class: 'stack' }, news.slice(0, SHOWN).map(({ oid, author, message }) => h('li', {}, h('a', { class: 'oid', href: commitLink(repo.name, oid) }, oid.slice(0, 8)), ' ', foreign(message.split('\n', 1)[0] ?? ''), h('span', { class: 'detail' }, ' by ', foreign(author.name)))), news.length > SHOWN && h('li', { class: 'detail' }, 'and more')),
    result,
    h('p', { class: 'actions' }, button),
  );
}

/**
 * Makes the commit where it was meant to be, and applies it to where the branch is now, as `git
 * cherry-pick` does. Files that were changed on both sides, in the same lines, are left to be
 * resolved.
 * @param {Repository} repo @param {Draft} draft @param {string} tip
 * @param {{ message: string, author: { name: string, email: string } }} how
 */
async function onTop(repo, draft, tip, { message, author }) {
  const mine = await repo.writeCommit({ message, cleanup: 'whitespace', author, tree: await treeOf(repo, draft), parents: draft.tip ? [draft.tip] : [] });
  const picked = await repo.cherryPick(draft.branch, mine, { committer: author, expect: tip });
  if (picked.kind !== 'conflicts') return committedAs(repo, { branch: draft.branch, oid: picked.oid ?? tip, message });
  setDraft(repo.name, { branch: draft.branch, tip, message, ...(await editsOf(repo, tip, picked)) });
  document.dispatchEvent(new CustomEvent(CHANGED, { detail: repo.name }));
}

/** The tree that a draft's commit has. @param {Repository} repo @param {Draft} draft */
async function treeOf(repo, { tip, edits }) {
  const entries = new Map();
  // Paths that are not UTF-8 have one text and are several; no path has a NUL.
  const key = (/** @type {{ path: string, pathBytes?: Uint8Array }} */ { path, pathBytes }) => (pathBytes ? `\0${pathBytes}` : path);
  if (tip) for await (const entry of repo.tree(tip, { recursive: true })) if (entry.type !== 'tree') entries.set(key(entry), entry);
  for (const edit of edits) if (edit.oid === null) entries.delete(edit.path);
  for (const edit of edits) if (edit.oid !== null) entries.set(edit.path, edit);
  return repo.writeTree(entries.values());
}
