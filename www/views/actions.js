// What can be done to files without an editor: rename, delete, replace, upload. All of it goes into
// the draft.

import { announce, foreign, h } from '../lib/dom.js';
import { change, draftOn, editOf, entryAt } from '../lib/draft.js';
import { localBranch } from '../lib/git.js';
import { problem } from '../lib/problem.js';
import { changesLink, editLink, newLink } from '../lib/route.js';
import { count } from '../lib/text.js';
import { branchNeeded, draftElsewhere } from './branch.js';
import { badPath, taken } from './edit.js';
import { shortRev } from './frame.js';

/** @typedef {import('../lib/git.js').Repository} Repository */
/** @typedef {import('../lib/draft.js').Draft} Draft */

/** @param {string} id @param {string} title @param {(dialog: HTMLDialogElement) => HTMLElement[]} content */
function sheet(id, title, content) {
  /** @type {HTMLDialogElement} */
  const dialog = h('dialog', { class: 'sheet', id, 'aria-labelledby': `${id}-title`, onclose: () => dialog.remove(), onclick: (/** @type {Event} */ event) => event.target === dialog && dialog.close() });
  dialog.append(h('h2', { id: `${id}-title` }, title), ...content(dialog));
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/**
 * Goes on with the draft of the branch that `rev` names; where there is none, asks for what is
 * missing. @param {Repository} repo @param {string} rev @param {(draft: Draft) => void | Promise<void>} then
 */
async function withDraft(repo, rev, then) {
  try {
    const branch = await localBranch(repo, rev);
    const draft = branch && (await draftOn(repo, branch));
    if (draft) return await then(draft);
    const dialog = sheet('not-yet', 'Not yet', (dialog) => [branch ? draftElsewhere(repo, branch) : branchNeeded(repo, rev, (created) => (dialog.close(), withDraft(repo, created, then)))]);
    dialog.addEventListener('click', (event) => event.target instanceof HTMLAnchorElement && dialog.close());
  } catch (error) {
    sheet('failed', 'That did not work', (dialog) => [problem(error), h('p', { class: 'actions' }, h('button', { type: 'button', onclick: () => dialog.close() }, 'Close'))]);
  }
}

/** What can be done to the file at `path`. @param {Repository} repo @param {string} rev @param {string} path @returns {HTMLElement[]} */
export function fileActions(repo, rev, path) {
  return [
    h('a', { class: 'button', id: 'edit', href: editLink(repo.name, rev, path) }, 'Edit'),
    h('button', { type: 'button', id: 'rename', onclick: () => withDraft(repo, rev, (draft) => void rename(repo, draft, path)) }, 'Rename'),
    h('button', { type: 'button', id: 'replace', onclick: () => pick(false, (files) => withDraft(repo, rev, (draft) => replace(repo, draft, path, files))) }, 'Replace'),
    h('button', { type: 'button', id: 'delete', class: 'danger', onclick: () => withDraft(repo, rev, (draft) => remove(repo, draft, path)) }, 'Delete'),
  ];
}

/** What can be added to the directory at `path`. @param {Repository} repo @param {string} rev @param {string} path */
export function directoryActions(repo, rev, path) {
  return h(
    'p',
    { class: 'actions', id: 'add' },
    h('a', { class: 'button', id: 'new-file', href: newLink(repo.name, rev, path) }, 'New file'),
    h('button', { type: 'button', id: 'upload', onclick: () => pick(true, (files) => withDraft(repo, rev, (draft) => upload(repo, draft, path, files))) }, 'Upload files'),
  );
}

/** @param {boolean} multiple @param {(files: File[]) => void} then */
function pick(multiple, then) {
  const input = h('input', { type: 'file', multiple, onchange: () => input.files?.length && then([...input.files]) });
  input.click();
}

/** @param {Repository} repo */
const review = (repo) => (location.hash = changesLink(repo.name));

/** @param {Repository} repo @param {Draft} draft @param {string} path */
async function current(repo, draft, path) {
  const edit = editOf(draft, path);
  return edit ?? (await entryAt(repo, draft.tip, path));
}

/** @param {Repository} repo @param {Draft} draft @param {string} path */
function rename(repo, draft, path) {
  const errors = h('div', { class: 'stack' });
  const name = h('input', { id: 'new-path', required: true, value: path, autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false', oninput: () => name.setCustomValidity('') });
  sheet('renaming', 'Rename', (dialog) => [
    h(
      'form',
      { onsubmit: submit },
      h('div', { class: 'field' }, h('label', { for: 'new-path' }, 'New path'), name, h('p', { class: 'help' }, 'Directories are made as they are needed.')),
      errors,
      h('p', { class: 'actions' }, h('button', { type: 'button', onclick: () => dialog.close() }, 'Cancel'), h('button', { class: 'primary' }, 'Rename')),
    ),
  ]);
  name.setSelectionRange(path.lastIndexOf('/') + 1, path.length);
  /** @param {Event} event */
  async function submit(event) {
    event.preventDefault();
    try {
      await move(name.value.trim());
    } catch (error) {
      errors.replaceChildren(problem(error));
    }
  }
  /** @param {string} target */
  async function move(target) {
    const bad = badPath(target) ?? (target === path || (await taken(repo, draft, target)) ? 'There is a file of that name already' : undefined);
    const entry = await current(repo, draft, path);
    if (bad || !entry?.oid) {
      name.setCustomValidity(bad ?? 'The file is not there any more');
      name.reportValidity();
      return;
    }
    await change(repo, draft, [
      { path, oid: null },
      { path: target, oid: entry.oid, mode: entry.mode, was: path },
    ]);
    name.closest('dialog')?.close();
    review(repo);
  }
}

/** @param {Repository} repo @param {Draft} draft @param {string} path */
async function remove(repo, draft, path) {
  await change(repo, draft, [{ path, oid: null }]);
  review(repo);
}

/** @param {Repository} repo @param {Draft} draft @param {string} path @param {File[]} files */
async function replace(repo, draft, path, [file]) {
  const entry = await current(repo, draft, path);
  if (!file || !entry?.oid) return;
  await change(repo, draft, [{ path, oid: await repo.writeBlob(file), mode: entry.mode }]);
  review(repo);
}

/** @param {Repository} repo @param {Draft} draft @param {string} directory @param {File[]} files */
async function upload(repo, draft, directory, files) {
  announce(`Adding ${count(files.length, 'file')}`);
  const edits = [];
  for (const file of files) {
    const path = directory ? `${directory}/${file.name}` : file.name;
    const before = await current(repo, draft, path);
    edits.push({ path, oid: await repo.writeBlob(file), mode: before?.oid ? before.mode : '100644' });
  }
  await change(repo, draft, edits);
  review(repo);
}

/** Says in a page of a branch that it has uncommitted changes. @param {Repository} repo @param {Draft | undefined} draft @param {string | undefined} branch @param {string} [path] */
export function draftNote(repo, draft, branch, path) {
  if (!draft || draft.branch !== branch || !draft.edits.length) return undefined;
  const here = path !== undefined && editOf(draft, path);
  if (path !== undefined && !here) return undefined;
  const said = here ? [here.oid === null ? 'This file is to be deleted' : 'This file is changed', '; you see it as it was committed.'] : [`${count(draft.edits.length, 'file is', 'files are')} changed on `, foreign(shortRev(draft.branch)), ' and not committed yet.'];
  return h('p', { class: 'note actions', id: 'draft-note' }, h('span', { class: 'grow' }, said), h('a', { class: 'button', href: changesLink(repo.name) }, 'Show the changes'));
}
