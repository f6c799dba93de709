// What was changed and is not committed yet: one draft for each repository, on one branch. The
// contents are blobs in the repository itself, so that a draft is a short list of paths and ids; the
// list is kept in the browser's storage and outlives a reload.

import { CHANGED } from './jobs.js';

/** @typedef {import('./git.js').Repository} Repository */

/** What a path is to become: a file of that content, or nothing. `was`: the path it had before. @typedef {{ path: string, oid: string, mode: string, was?: string } | { path: string, oid: null }} Edit */

/**
 * @typedef {object} Draft
 * @property {string} branch the full name of the branch
 * @property {string | null} tip where the branch was when the draft was begun; null: it had no commit
 * @property {string[]} [parents] of the commit to come, where they are not the tip alone
 * @property {string[]} [conflicts] paths whose conflicts are still to be resolved
 * @property {string} [message]
 * @property {Edit[]} edits in the order of their paths
 */

/** @param {string} name of the repository */
const key = (name) => `draft:${name}`;

/** @param {string} name @returns {Draft | undefined} */
export function draftOf(name) {
  try {
    const draft = JSON.parse(localStorage.getItem(key(name)) ?? 'null');
    return typeof draft?.branch === 'string' && Array.isArray(draft.edits) ? draft : undefined;
  } catch {
    return undefined;
  }
}

/** Keeps a draft, or forgets it. @param {string} name @param {Draft | undefined} draft */
export function setDraft(name, draft) {
  if (draft) localStorage.setItem(key(name), JSON.stringify(draft));
  else localStorage.removeItem(key(name));
}

/** Whether there is anything in it that a reader would miss. @param {Draft | undefined} draft */
export function isEmpty(draft) {
  return !draft || (draft.edits.length === 0 && !draft.parents && !draft.conflicts?.length);
}

/**
 * The draft on `branch`: the one there is, or an empty one at the branch's tip. Undefined if there
 * is one on another branch.
 * @param {Repository} repo @param {string} branch
 * @returns {Promise<Draft | undefined>}
 */
export async function draftOn(repo, branch) {
  const draft = draftOf(repo.name);
  if (draft && !isEmpty(draft)) return draft.branch === branch ? draft : undefined;
  return { branch, tip: await tipOf(repo, branch), edits: [] };
}

/** Where a branch is; null if it has no commit. @param {Repository} repo @param {string} branch @returns {Promise<string | null>} */
export async function tipOf(repo, branch) {
  for await (const ref of repo.refs({ prefix: branch })) if (ref.name === branch) return ref.oid;
  return null;
}

/**
 * A file as it was before the edits.
 * @param {Repository} repo @param {string | null} base @param {string} path
 */
export async function entryAt(repo, base, path) {
  if (base === null) return undefined;
  const directory = path.split('/').slice(0, -1).join('/');
  try {
    for await (const entry of repo.tree(base, { path: directory })) if (entry.path === path) return entry;
  } catch (error) {
    if (/** @type {{ code?: string }} */ (error).code !== 'NotFound') throw error;
  }
  return undefined;
}

/** @param {Draft} draft @param {string} path */
export const editOf = (draft, path) => draft.edits.find((edit) => edit.path === path);

/**
 * Changes the draft that a page shows, as it is kept now: another tab may have added to it, or
 * committed it. One on another branch, or on another tip, is not overwritten.
 * @param {string} name @param {Draft} shown @param {(draft: Draft) => void} act
 */
function update(name, shown, act) {
  const kept = draftOf(name);
  const draft = kept && !isEmpty(kept) ? kept : { branch: shown.branch, tip: shown.tip, edits: [] };
  if (draft.branch !== shown.branch || draft.tip !== shown.tip) throw new Error('Other changes were begun in another tab. Commit or discard those first.');
  act(draft);
  setDraft(name, isEmpty(draft) ? undefined : draft);
  document.dispatchEvent(new CustomEvent(CHANGED, { detail: name }));
}

/** Whether what a page shows of a draft is what is kept. @param {string} name @param {Draft} shown */
export function isCurrent(name, shown) {
  const said = (/** @type {Draft | undefined} */ draft) => draft && JSON.stringify([draft.branch, draft.tip, draft.parents, draft.conflicts, draft.edits]);
  return said(draftOf(name)) === said(shown);
}

/** Keeps the message of the commit to come. @param {string} name @param {Draft} shown @param {string} message */
export function setMessage(name, shown, message) {
  const kept = draftOf(name);
  if (kept && kept.branch === shown.branch && kept.tip === shown.tip) setDraft(name, { ...kept, message });
}

/**
 * Adds edits to a draft and keeps it. What is as it was before is no edit.
 * @param {Repository} repo @param {Draft} shown @param {Edit[]} edits
 */
export async function change(repo, shown, edits) {
  /** @type {Map<string, Edit | undefined>} */
  const news = new Map();
  for (const edit of edits) {
    const before = await entryAt(repo, shown.tip, edit.path);
    const same = edit.oid === null ? !before : before?.oid === edit.oid && before.mode === edit.mode;
    news.set(edit.path, same ? undefined : edit);
  }
  update(repo.name, shown, (draft) => {
    const others = draft.edits.filter(({ path }) => !news.has(path));
    draft.edits = [...others, ...[...news.values()].flatMap((edit) => edit ?? [])].sort((a, b) => (a.path < b.path ? -1 : 1));
    draft.conflicts = draft.conflicts?.filter((path) => !news.has(path));
  });
}

/** Takes the edit of a path back. @param {Repository} repo @param {Draft} shown @param {string} path */
export function undo(repo, shown, path) {
  update(repo.name, shown, (draft) => {
    draft.edits = draft.edits.filter((edit) => edit.path !== path && !('was' in edit && edit.was === path && edit.oid === null));
  });
}

/**
 * What a merge that has conflicts makes of a branch, as edits of its tip. Throws if they are of paths
 * that are not UTF-8: a draft, which is text, would change others.
 * @param {Repository} repo @param {string} tip
 * @param {{ tree: string, conflicts: Array<{ path: string, pathBytes: Uint8Array }> }} merged
 */
export async function editsOf(repo, tip, { tree, conflicts }) {
  /** @type {Edit[]} */
  const edits = [];
  const odd = conflicts.filter(({ path, pathBytes }) => `${new TextEncoder().encode(path)}` !== `${pathBytes}`).map(({ path }) => path);
  for await (const { path, pathBytes, newOid, newMode } of repo.diff(tip, tree, { renames: false })) {
    if (pathBytes) odd.push(path);
    edits.push(newOid && newMode ? { path, oid: newOid, mode: newMode } : { path, oid: null });
  }
  if (odd[0] !== undefined) throw new Error(`The name of “${odd[0]}” is not UTF-8 text, and this page cannot keep changes of it until conflicts are resolved. Nothing was changed; git can merge this.`);
  return { edits, conflicts: [...new Set(conflicts.map(({ path }) => path))].sort() };
}

/** Says that a conflict is resolved by what is there. @param {Repository} repo @param {Draft} shown @param {string} path */
export function settle(repo, shown, path) {
  update(repo.name, shown, (draft) => {
    draft.conflicts = draft.conflicts?.filter((conflict) => conflict !== path);
  });
}

/** What `Repository.commit` takes. A file may take the place of a directory. @param {Draft} draft */
export function changesOf({ edits }) {
  const isGone = (/** @type {Edit} */ { oid }) => oid === null;
  return [...edits.filter(isGone), ...edits.filter((edit) => !isGone(edit))].map((edit) => (edit.oid === null ? { path: edit.path, delete: /** @type {const} */ (true) } : { path: edit.path, oid: edit.oid, mode: edit.mode }));
}
