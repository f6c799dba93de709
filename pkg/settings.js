// What a repository is told: `repo.config` and `repo.remotes`.

import { flag, oneOf, text, texts } from './options.js';

/** @typedef {import('./index.d.ts').Abortable} Abortable */
/** @typedef {(method: string, args: unknown[], options: Abortable) => Promise<any>} Call */

/** @param {Call} call @returns {import('./index.d.ts').Config} */
export function config(call) {
  return Object.freeze({
    async get(/** @type {string} */ key, options = {}) {
      const values = await call('configGet', [text('key', key)], options);
      return values.at(-1);
    },
    async getAll(/** @type {string} */ key, options = {}) {
      return call('configGet', [text('key', key)], options);
    },
    async set(/** @type {string} */ key, /** @type {string | null} */ value, options = {}) {
      await call('configSet', [text('key', key), value === null ? undefined : text('value', value)], options);
    },
    async all(options = {}) {
      return new Map(await call('configAll', [], options));
    },
  });
}

/** @param {Call} call @returns {import('./index.d.ts').Remotes} */
export function remotes(call) {
  const address = (/** @type {string | URL} */ url) => (url instanceof URL ? url.href : text('url', url));
  return Object.freeze({
    async list(options = {}) {
      return call('listRemotes', [], options);
    },
    async add(/** @type {string} */ name, /** @type {string | URL} */ url, options = {}) {
      const plain = {
        mirror: flag(options, 'mirror'),
        tags: oneOf(options, 'tags', ['follow', 'all', 'none']),
        track: texts(options, 'track'),
      };
      await call('addRemote', [text('name', name), address(url), plain], options);
    },
    async set(/** @type {string} */ name, /** @type {string | URL} */ url, options = {}) {
      await call('setRemote', [text('name', name), address(url), flag(options, 'push') ?? false], options);
    },
    async remove(/** @type {string} */ name, options = {}) {
      await call('removeRemote', [text('name', name)], options);
    },
  });
}
