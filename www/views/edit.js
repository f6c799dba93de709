// A file as text that can be changed, and a new one. What is changed goes into the draft; nothing is
// committed here.

import { foreign, h } from '../lib/dom.js';
import { change, draftOn, editOf, entryAt } from '../lib/draft.js';
import { localBranch, repository } from '../lib/git.js';
import { tell, untell } from '../lib/jobs.js';
import { problem } from '../lib/problem.js';
import { blobLink, changesLink, format, treeLink } from '../lib/route.js';
import { formatBytes } from '../lib/text.js';
import { noteTyped, typedIn } from '../lib/typed.js';
import { branchNeeded, draftElsewhere } from './branch.js';
import { crumbs, pathLinks, shortRev, toolbar } from './frame.js';

/** @typedef {import('../lib/git.js').Repository} Repository */
/** @typedef {import('../lib/draft.js').Draft} Draft */

/** What can be edited as text here, in bytes. */
const LIMIT = 1024 * 1024;

/** @param {import('../app.js').Page} page @param {{ view: 'edit' | 'new', name: string, rev: string, path: string }} route */
export async function editView(page, { view, name, rev, path }) {
  const { signal } = page;
  const isNew = view === 'new';
  const repo = await repository(name);
  const branch = await localBranch(repo, rev, signal);
  const title = isNew ? 'New file' : `Edit ${path}`;
  page.title(title);
  crumbs(page, name, rev);
  const bar = await toolbar(repo, { view: 'edit', rev, label: branch ?? rev, path, signal });
  const heading = h('h1', { tabindex: -1, class: 'unseen' }, title);
  const where = pathLinks(name, rev, path, (n, r, p) => (p === path && !isNew ? blobLink(n, r, p) : treeLink(n, r, p)));
  if (!branch) return page.main.replaceChildren(heading, bar, where, branchNeeded(repo, rev, (created) => (location.hash = format({ view, name, rev: created, path }))));
  const draft = await draftOn(repo, branch);
  if (!draft) return page.main.replaceChildren(heading, bar, where, draftElsewhere(repo, branch));
  const found = isNew ? { text: '', mode: '100644', notes: [] } : await textOf(repo, draft, path, signal);
  if (signal.aborted) return;
  const route = format({ view, name, rev, path });
  page.main.replaceChildren(heading, bar, where, 'why' in found ? h('p', { class: 'empty' }, found.why) : form(page, repo, draft, { route, path, isNew, ...found }));
}

/**
 * The text that is edited, or why it cannot be.
 * @param {Repository} repo @param {Draft} draft @param {string} path @param {AbortSignal} signal
 * @returns {Promise<{ text: string, mode: string, notes: string[] } | { why: string }>}
 */
async function textOf(repo, draft, path, signal) {
  const edited = editOf(draft, path);
  if (edited?.oid === null) return { why: 'This file is to be deleted. Undo that among the changes to edit it.' };
  const entry = edited ?? (await entryAt(repo, draft.tip, path));
  if (!entry?.oid) return { why: 'There is no such file on this branch.' };
  if (entry.mode === '160000' || entry.mode === '040000') return { why: 'Only files can be edited.' };
  const blob = await repo.blob(entry.oid, undefined, { signal });
  if (blob.size > LIMIT) return { why: `This file has ${formatBytes(blob.size)}; up to ${formatBytes(LIMIT)} can be edited here. It can be replaced by an upload.` };
  const bytes = await blob.bytes({ signal });
  if (bytes.subarray(0, 8000).includes(0)) return { why: 'This is a binary file. It can be replaced by an upload.' };
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    const mixed = /\r/.test(text) && (/\r(?!\n)/.test(text) || /(^|[^\r])\n/.test(text));
    return { text, mode: entry.mode, notes: mixed ? ['The lines of this file end in different ways. What is kept here will have plain line feeds.'] : [] };
  } catch {
    return { why: 'This file is not UTF-8 text, so that editing it here would change more than you see. It can be replaced by an upload.' };
  }
}

/**
 * @param {import('../app.js').Page} page @param {Repository} repo @param {Draft} draft
 * @param {{ route: string, path: string, isNew: boolean, text: string, mode: string, notes: string[] }} file
 */
function form(page, repo, draft, { route, path, isNew, text, mode, notes }) {
  // A textarea knows only line feeds.
  const crlf = /\r\n/.test(text) && notes.length === 0;
  const shown = text.replace(/\r\n?/g, '\n');
  const directory = isNew && path ? `${path}/` : '';
  const name = h('input', { id: 'edit-path', required: true, value: isNew ? directory : path, autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false', oninput: () => name.setCustomValidity('') });
  const area = h('textarea', { id: 'edit-text', spellcheck: 'false', autocapitalize: 'off', wrap: 'off', rows: 24 });
  area.value = shown;
  // As the field has it: it knows no line breaks. A path that nobody touched stays what it is.
  const initial = name.value;
  const target = () => (!isNew && name.value === initial ? path : name.value.trim());
  const before = typedIn(route);
  const restored = before.text === undefined ? undefined : h('p', { class: 'note actions', id: 'restored' }, h('span', { class: 'grow' }, 'This is what you typed here before. It is not among the changes yet.'), h('button', { type: 'button', onclick: startOver }, 'Start over'));
  if (restored) untell(repo.name);
  name.value = before.name ?? name.value;
  area.value = before.text ?? area.value;
  function startOver() {
    [name.value, area.value] = [initial, shown];
    noteTyped(route, undefined);
    restored?.remove();
    area.focus();
  }
  const errors = h('div', { class: 'stack' });
  const keep = h('button', { class: 'primary', id: 'keep' }, 'Keep this change');
  const cancel = h('a', { class: 'button', id: 'cancel-edit', href: isNew ? treeLink(repo.name, draft.branch, path) : blobLink(repo.name, draft.branch, path), onclick: giveUp }, 'Cancel');
  let done = false;
  const isChanged = () => !done && (area.value !== shown || name.value !== initial);
  function giveUp() {
    done = true;
    noteTyped(route, undefined);
  }
  /** Why what is typed cannot be kept under its name. */
  async function refusal() {
    const to = target();
    return badPath(to) ?? ((isNew || to !== path) && (await taken(repo, draft, to)) ? 'There is a file of that name already' : undefined);
  }
  /** Puts what is typed into the draft. */
  async function store() {
    const to = target();
    const content = crlf ? area.value.replace(/\n/g, '\r\n') : area.value;
    const oid = await repo.writeBlob(content);
    const moved = !isNew && to !== path;
    await change(repo, draft, [...(moved ? [{ path, oid: null }] : []), { path: to, oid, mode, ...(moved ? { was: path } : {}) }]);
    noteTyped(route, undefined);
  }
  /** @param {Event} event */
  async function submit(event) {
    event.preventDefault();
    keep.disabled = true;
    try {
      const bad = await refusal();
      if (bad) {
        keep.disabled = false;
        name.setCustomValidity(bad);
        name.reportValidity();
        return;
      }
      await store();
      done = true;
      location.hash = changesLink(repo.name);
    } catch (error) {
      errors.replaceChildren(problem(error));
      keep.disabled = false;
    }
  }
  /** @param {BeforeUnloadEvent} event */
  const warn = (event) => isChanged() && event.preventDefault();
  addEventListener('beforeunload', warn, { signal: page.signal });
  const note = () => noteTyped(route, { name: name.value, text: area.value });
  addEventListener('pagehide', () => isChanged() && note(), { signal: page.signal });
  // Going elsewhere in the page loses nothing: what was typed waits among the changes, or if it cannot
  // be kept there, here.
  page.signal.addEventListener('abort', () => void (isChanged() && leave()), { once: true });
  async function leave() {
    const noted = note();
    try {
      const bad = await refusal();
      if (!bad) return await store();
      tell(repo.name, 'What you typed is not among the changes', [h('p', {}, `${bad}. `, noted && 'What you typed waits in its form.'), back()]);
    } catch (error) {
      tell(repo.name, 'What you typed is not among the changes', [problem(error), noted && back()]);
    }
  }
  const back = () => h('p', { class: 'actions' }, h('a', { class: 'button primary', href: route }, 'Go on with it'));
  return h(
    'form',
    { class: 'panel editor', id: 'editor', onsubmit: submit },
    restored ?? '',
    h('div', { class: 'field' }, h('label', { for: 'edit-path' }, 'Path'), name),
    notes.map((note) => h('p', { class: 'warn' }, note)),
    h('div', { class: 'field' }, h('label', { for: 'edit-text' }, 'Content'), area),
    errors,
    h('p', { class: 'actions' }, keep, cancel, h('span', { class: 'detail' }, 'On ', foreign(shortRev(draft.branch)), '. It is committed in the next step.')),
  );
}

/** Why no file can have a path; Git decides in the end. @param {string} path */
export function badPath(path) {
  const parts = path.split('/');
  if (path === '' || path.endsWith('/')) return 'The file has no name yet';
  if (parts.some((part) => part === '')) return 'A part of the path is empty';
  const bad = parts.find((part) => /^(\.|\.\.|\.git)$/i.test(part));
  return bad === undefined ? undefined : `“${bad}” cannot be part of a path`;
}

/** Whether there will be something at a path. @param {Repository} repo @param {Draft} draft @param {string} path */
export async function taken(repo, draft, path) {
  const edited = editOf(draft, path);
  return edited ? edited.oid !== null : Boolean(await entryAt(repo, draft.tip, path));
}
