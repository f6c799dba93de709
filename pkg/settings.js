// What a repository is told, in groups: `repo.config`, `repo.remotes`, `repo.branches`, `repo.tags`.

import { flag, oneOf, optionalText, text, texts } from './options.js';
import { tagOptions } from './write.js';

/** @typedef {import('./index.d.ts').Abortable} Abortable */
/** @typedef {(method: string, args: unknown[], options: Abortable) => Promise<any>} Call */
/** @typedef {import('./index.d.ts').RemoteOptions} RemoteOptions */
/** @typedef {(method: string, args: unknown[], make: (remote: any) => any, options: object) => Promise<any>} Write */

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

/** @param {Call} call @param {Call} lazily @returns {import('./index.d.ts').Branches} */
export function branches(call, lazily) {
  return Object.freeze({
    async create(/** @type {string} */ name, /** @type {string} */ start = 'HEAD', options = {}) {
      const plain = { force: flag(options, 'force'), track: flag(options, 'track') };
      return lazily('createBranch', [text('name', name), text('start', start), plain], options);
    },
    async rename(/** @type {string} */ from, /** @type {string} */ to, options = {}) {
      await call('renameBranch', [text('from', from), text('to', to), flag(options, 'force') ?? false], options);
    },
    async delete(/** @type {string} */ name, options = {}) {
      const plain = { force: flag(options, 'force'), expect: optionalText(options, 'expect') };
      await call('deleteBranch', [text('name', name), plain], options);
    },
  });
}

/** @param {Call} call @param {Write} write @returns {import('./index.d.ts').Tags} */
export function tags(call, write) {
  return Object.freeze({
    async create(/** @type {string} */ name, /** @type {string} */ rev = 'HEAD', options = {}) {
      const [called, named] = [text('name', name), text('rev', rev)];
      return write('createTag', [called], (remembering) => tagOptions(called, named, remembering), options);
    },
    async delete(/** @type {string} */ name, options = {}) {
      await call('deleteTag', [text('name', name), { expect: optionalText(options, 'expect') }], options);
    },
  });
}
