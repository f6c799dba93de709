// What is edited and not committed: the difference of each file, and the commit.

import { announce, foreign, h } from '../lib/dom.js';
import { diffTable, tally, tallyNode } from '../lib/diff.js';
import { change, changesOf, draftOf, entryAt, isCurrent, isEmpty, setDraft, setMessage, settle, undo } from '../lib/draft.js';
import { GitError, repository } from '../lib/git.js';
import { identityFields, keepIdentity, knownIdentity } from '../lib/identity.js';
import { CHANGED } from '../lib/jobs.js';
import { problem } from '../lib/problem.js';
import { changesLink, commitLink, editLink, treeLink } from '../lib/route.js';
import { count } from '../lib/text.js';
import { keepTyped, noteTyped } from '../lib/typed.js';
import { crumbs, shortRev, toolbar } from './frame.js';
import { movedOn } from './moved.js';
import { pushable } from './push.js';

/** @typedef {import('../lib/git.js').Repository} Repository */
/** @typedef {import('../lib/draft.js').Draft} Draft */
/** @typedef {import('../lib/draft.js').Edit} Edit */

/** The commit that was made last, so that the page can say so. @type {{ name: string, branch: string, oid: string, subject: string } | undefined} */
let made;

/** @param {import('../app.js').Page} page @param {{ name: string }} route */
export async function draftView(page, { name }) {
  const { signal } = page;
  const repo = await repository(name);
  const draft = draftOf(name);
  page.title('Changes');
  const rev = draft?.branch ?? made?.branch ?? 'HEAD';
  crumbs(page, name, rev);
  const bar = await toolbar(repo, { view: 'changes', rev, label: rev, signal });
  const done = made?.name === name ? await committed(repo, made) : undefined;
  made = undefined;
  if (!draft || isEmpty(draft)) {
    page.main.replaceChildren(bar, h('h1', { tabindex: -1 }, 'Changes'), done ?? h('p', { class: 'empty' }, 'Nothing is changed. Files are edited from their page, and added from that of a directory.'));
    return;
  }
  const files = h('div', { class: 'stack', id: 'changed' });
  page.main.replaceChildren(
    bar,
    h('h1', { tabindex: -1 }, draft.parents ? 'Merge into ' : 'Changes on ', foreign(shortRev(draft.branch))),
    unresolved(draft) ?? '',
    await commitForm(page, repo, draft),
    h('h2', {}, count(draft.edits.length, 'file')),
    files,
  );
  page.ready();
  for (const edit of await listed(repo, draft)) {
    if (signal.aborted) return;
    files.append(await file(repo, draft, edit, signal));
  }
}

/** The edits, and the conflicts that left a file as it was. @param {Repository} repo @param {Draft} draft */
async function listed(repo, draft) {
  const all = new Map(draft.edits.map((edit) => [edit.path, edit]));
  for (const path of draft.conflicts ?? []) {
    const entry = all.has(path) ? undefined : await entryAt(repo, draft.tip, path).catch(() => undefined);
    if (!all.has(path)) all.set(path, entry ? { path, oid: entry.oid, mode: entry.mode } : { path, oid: null });
  }
  return [...all.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** @param {Draft} draft */
function unresolved({ conflicts = [] }) {
  return conflicts.length ? h('p', { class: 'warn', id: 'unresolved' }, `${count(conflicts.length, 'file has', 'files have')} conflicts. Edit ${conflicts.length === 1 ? 'it' : 'each'}, and keep what it should be.`) : undefined;
}

/** @param {Repository} repo @param {Draft} draft @param {Edit} edit @param {AbortSignal} signal */
async function file(repo, draft, edit, signal) {
  const was = 'was' in edit && edit.was ? edit.was : undefined;
  const hasConflict = draft.conflicts?.includes(edit.path) ?? false;
  /** @type {Awaited<ReturnType<typeof entryAt>>} */
  let before;
  /** @type {unknown} */
  let lost;
  try {
    before = await entryAt(repo, draft.tip, was ?? edit.path);
  } catch (error) {
    // The branch may be gone, and its commits with it: what was changed can still be discarded.
    lost = error;
  }
  const kind = hasConflict ? 'conflict' : edit.oid === null ? 'deleted' : was ? 'renamed' : before ? 'changed' : 'new';
  const title = was ? [foreign(was), ' → ', foreign(edit.path)] : [foreign(edit.path)];
  const summary = h('span', {});
  /** What goes wrong is said at the file. @param {() => void | Promise<void>} act */
  const attempt = (act) => async () => {
    try {
      await act();
    } catch (error) {
      item.querySelector('.problem')?.remove();
      item.append(problem(error));
    }
  };
  const item = h(
    'details',
    { class: `file edit ${kind}`, 'data-path': edit.path, open: true },
    h('summary', { class: 'filebar' }, h('span', { class: 'kind' }, kind), h('b', { class: 'grow' }, title), summary),
    h(
      'p',
      { class: 'actions filebar' },
      edit.oid !== null && edit.mode !== '160000' && h('a', { class: 'button', href: editLink(repo.name, draft.branch, edit.path), 'aria-label': `Edit ${edit.path}` }, hasConflict ? 'Resolve' : 'Edit'),
      hasConflict && h('button', { type: 'button', class: 'settle', onclick: attempt(() => settle(repo, draft, edit.path)), 'aria-label': `Keep ${edit.path} as it is here` }, edit.oid === null ? 'Leave it deleted' : 'Keep it as it is here'),
      hasConflict && edit.oid !== null && h('button', { type: 'button', class: 'danger', onclick: attempt(() => change(repo, draft, [{ path: edit.path, oid: null }])), 'aria-label': `Delete ${edit.path}` }, 'Delete'),
      !hasConflict && h('button', { type: 'button', class: 'undo', onclick: attempt(() => undo(repo, draft, edit.path)), 'aria-label': `Undo the change of ${edit.path}` }, 'Undo'),
    ),
  );
  try {
    if (lost) throw lost;
    const diff = await repo.diffBlobs(before?.oid ?? null, edit.oid, { signal });
    summary.append(tallyNode(tally(diff)));
    item.append(diffTable(diff, `Difference of ${edit.path}`));
  } catch (error) {
    if (!signal.aborted) item.append(problem(error));
  }
  return item;
}

/** @param {import('../app.js').Page} page @param {Repository} repo @param {Draft} draft */
async function commitForm(page, repo, draft) {
  const { name } = repo;
  const message = h('textarea', { id: 'message', required: true, rows: 3, placeholder: suggestion(draft), oninput: () => setMessage(name, draft, message.value) });
  message.value = draft.message ?? '';
  const form = changesLink(name);
  const who = identityFields(await knownIdentity(repo));
  const other = h('input', { id: 'other-branch', autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false', placeholder: shortRev(draft.branch) });
  // The page is drawn again whenever a change comes or goes.
  keepTyped(form, { ...who.fields, other });
  const result = h('div', { class: 'stack' });
  const button = h('button', { class: 'primary', id: 'commit-changes', disabled: Boolean(draft.conflicts?.length) }, 'Commit');
  /** @param {Event} event */
  async function submit(event) {
    event.preventDefault();
    if (!isCurrent(name, draft)) {
      // What is committed is what is seen.
      announce('The changes are others now: they were changed in another tab');
      document.dispatchEvent(new CustomEvent(CHANGED, { detail: name }));
      return;
    }
    button.disabled = true;
    const author = who.read();
    keepIdentity(author);
    try {
      await commit(repo, draft, { message: message.value, author, onBranch: other.value.trim() });
    } catch (error) {
      button.disabled = false;
      const moved = error instanceof GitError && error.code === 'RefConflict' && !draft.parents;
      result.replaceChildren(moved ? await movedOn(repo, draft, { message: message.value, author }) : problem(error));
      /** @type {HTMLElement | null} */ (result.querySelector('h2'))?.focus();
    }
  }
  return h(
    'form',
    { class: 'panel', id: 'commit-form', onsubmit: submit },
    h('div', { class: 'field' }, h('label', { for: 'message' }, 'What changes, and why'), message),
    who.node,
    h('details', { open: other.value !== '' }, h('summary', {}, 'Commit on another branch'), h('div', { class: 'field' }, h('label', { for: 'other-branch' }, 'A new branch'), other, h('p', { class: 'help' }, 'It begins where ', foreign(shortRev(draft.branch)), ' is, which stays as it is.'))),
    result,
    h('p', { class: 'actions' }, button, h('button', { type: 'button', class: 'danger quiet', onclick: discard }, draft.parents ? 'Give up the merge' : 'Discard all changes')),
  );
  function discard() {
    const dialog = h(
      'dialog',
      { onclose: () => dialog.remove() },
      h('h2', {}, draft.parents ? 'Give up the merge?' : 'Discard all changes?'),
      h('p', {}, `What was changed in ${count(draft.edits.length, 'file')} is lost. What is committed stays.`),
      h('p', { class: 'actions' }, h('button', { type: 'button', onclick: () => dialog.close() }, 'Keep them'), h('button', { type: 'button', class: 'primary danger', onclick: act }, 'Discard')),
    );
    function act() {
      dialog.close();
      setDraft(name, undefined);
      noteTyped(form, undefined);
      document.dispatchEvent(new CustomEvent(CHANGED, { detail: name }));
    }
    page.main.append(dialog);
    dialog.showModal();
  }
}

/** @param {Draft} draft */
function suggestion({ edits }) {
  const [only] = edits;
  if (edits.length !== 1 || !only) return '';
  const file = only.path.split('/').pop();
  return only.oid === null ? `Delete ${file}` : 'was' in only && only.was ? `Rename ${only.was.split('/').pop()} to ${file}` : `Change ${file}`;
}

/**
 * Commits a draft and forgets it.
 * @param {Repository} repo @param {Draft} draft
 * @param {{ message: string, author: { name: string, email: string }, onBranch?: string }} how
 */
async function commit(repo, draft, { message, author, onBranch }) {
  const branch = onBranch ? `refs/heads/${onBranch}` : draft.branch;
  const base = draft.parents ?? (draft.tip ? [draft.tip] : []);
  const oid = await repo.commit(branch, {
    message,
    author,
    changes: changesOf(draft),
    expect: onBranch ? null : draft.tip,
    ...(onBranch || draft.parents ? { parents: base } : {}),
  });
  committedAs(repo, { branch, oid, message });
}

/** The draft has become a commit. @param {Repository} repo @param {{ branch: string, oid: string, message: string }} commit */
export function committedAs(repo, { branch, oid, message }) {
  setDraft(repo.name, undefined);
  noteTyped(changesLink(repo.name), undefined);
  made = { name: repo.name, branch, oid, subject: message.split('\n', 1)[0] ?? '' };
  announce('Committed');
  document.dispatchEvent(new CustomEvent(CHANGED, { detail: repo.name }));
}

/** What can be done after a commit. @param {Repository} repo @param {{ branch: string, oid: string, subject: string }} commit */
async function committed(repo, { branch, oid, subject }) {
  return h(
    'section',
    { class: 'panel', id: 'committed' },
    h('h2', {}, 'Committed to ', foreign(shortRev(branch))),
    h('p', {}, h('a', { class: 'oid', href: commitLink(repo.name, oid) }, oid.slice(0, 8)), ' ', foreign(subject)),
    h('p', { class: 'actions' }, await pushable(repo, branch), h('a', { class: 'button', href: treeLink(repo.name, branch) }, 'Show the files')),
  );
}
