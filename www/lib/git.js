// The package, and the repositories this page has open. Everything the viewer knows of Git comes
// from here.

import { open } from '../../pkg/index.js';

export { clone, list, remove, GitError } from '../../pkg/index.js';

/** @typedef {import('../../pkg/index.js').Repository} Repository */

/** @type {Map<string, Promise<Repository>>} */
const opened = new Map();

/** The repository, opened once. @param {string} name @returns {Promise<Repository>} */
export function repository(name) {
  let repo = opened.get(name);
  if (!repo) {
    repo = open(name);
    opened.set(name, repo);
    repo.catch(() => opened.delete(name));
  }
  return repo;
}

/** Lets go of a repository before it is deleted. @param {string} name */
export async function forget(name) {
  const repo = opened.get(name);
  opened.delete(name);
  await (await repo?.catch(() => undefined))?.close();
}
