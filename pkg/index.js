// The public API. Everything here is shape: calls are made in the engine, by name.

import { connect } from './connection.js';
import { GitError, internal } from './errors.js';
import { cloneOptions, date, diffBlobsOptions, diffOptions, fetchOptions, flag, gcOptions, oneOf, optionalText, pushOptions, pushOutcomeOptions, questionsOf, rememberedOf, remoteOptions, repositoryName, signalOf, storageOf, text, textOrNull, texts, whole } from './options.js';
import { branches, config, remotes, tags } from './settings.js';
import { mergeOptions, replayOptions } from './merge.js';
import { commitOptions, content, newCommit, newTag, pieces, refUpdates, treeEntries } from './write.js';

export { GitError };

/** @typedef {import('./connection.js').Connection} Connection */
/** @typedef {import('./engine.js').Reference} Reference */
/** @typedef {import('./index.d.ts').StoreOptions} StoreOptions */
/** @typedef {import('./index.d.ts').Abortable} Abortable */
/** @typedef {import('./index.d.ts').RemoteOptions} RemoteOptions */

/** @type {typeof import('./index.d.ts').clone} */
export async function clone(url, name, options = {}) {
  const { plain, callbacks, signal } = cloneOptions(options);
  const connection = connect(options);
  const storage = storageOf(options);
  const key = connection.key();
  const address = url instanceof URL ? url.href : text('url', url);
  const { id } = await connection.call('clone', [key, storage, address, repositoryName(name), plain], { signal, callbacks });
  return repository(connection, { key, storage, name, id }, options);
}

/** @type {typeof import('./index.d.ts').open} */
export async function open(name, options = {}) {
  const { signal } = remoteOptions(options);
  const connection = connect(options);
  const storage = storageOf(options);
  const key = connection.key();
  const { id } = await connection.call('open', [key, storage, repositoryName(name)], { signal });
  return repository(connection, { key, storage, name, id }, options);
}

/** @type {typeof import('./index.d.ts').init} */
export async function init(name, options = {}) {
  const { signal } = remoteOptions(options);
  const connection = connect(options);
  const storage = storageOf(options);
  const key = connection.key();
  const branch = optionalText(options, 'defaultBranch') ?? 'main';
  const { id } = await connection.call('init', [key, storage, repositoryName(name), branch], { signal });
  return repository(connection, { key, storage, name, id }, options);
}

/** @type {typeof import('./index.d.ts').list} */
export function list(options = {}) {
  const storage = storageOf(options);
  return connect(options).iterate('list', () => [storage], { signal: signalOf(options) });
}

/** @type {typeof import('./index.d.ts').remove} */
export async function remove(name, options = {}) {
  await connect(options).call('remove', [storageOf(options), repositoryName(name)], { signal: signalOf(options) });
}

/** @type {typeof import('./index.d.ts').lsRemote} */
export async function lsRemote(url, options = {}) {
  const { plain, callbacks, signal } = remoteOptions(options);
  const address = url instanceof URL ? url.href : text('url', url);
  const more = { ...plain, prefixes: texts(options, 'prefixes') };
  return connect(options).call('lsRemote', [address, more], { signal, callbacks });
}

/** @type {typeof import('./index.d.ts').persist} */
export async function persist() {
  // Only pages may ask, not workers.
  return (await globalThis.navigator?.storage?.persist?.()) ?? false;
}

/** Repositories are made by `clone`, `init` and `open` alone. */
const DOOR = Symbol('gitside');

/** @param {Connection} connection @param {Reference} reference @param {RemoteOptions} options */
function repository(connection, reference, options) {
  return /** @type {any} */ (new Repository(DOOR, connection, reference, rememberedOf(options)));
}

/** @implements {Omit<import('./index.d.ts').Repository, typeof Symbol.asyncDispose>} */
export class Repository {
  /** @type {Connection} */
  #connection;
  /** @type {Reference} */
  #reference;
  /** @type {RemoteOptions} */
  #remembered;
  #closed = false;

  /** @param {symbol} door @param {Connection} connection @param {Reference} reference @param {RemoteOptions} remembered */
  constructor(door, connection, reference, remembered) {
    if (door !== DOOR) throw new TypeError('a Repository comes from clone, init or open');
    this.#connection = connection;
    this.#reference = reference;
    this.#remembered = remembered;
    /** @type {import('./settings.js').Call} */
    const call = async (method, args, options) => this.#call(method, args, options);
    this.config = config(call);
    this.remotes = remotes(call);
    this.branches = branches(call, async (method, args, options) => this.#lazyCall(method, args, options));
    this.tags = tags(call, async (method, args, make, options) => this.#write(method, args, make(this.#remembering(options))));
  }

  get name() {
    return this.#reference.name;
  }

  /** @type {import('./index.d.ts').Repository['refs']} */
  refs(options = {}) {
    return this.#iterate('refs', [optionalText(options, 'prefix') ?? ''], options);
  }

  /** @type {import('./index.d.ts').Repository['reflog']} */
  reflog(ref = 'HEAD', options = {}) {
    return this.#iterate('reflog', [text('ref', ref), whole(options, 'limit', 0)], options);
  }

  /** @type {import('./index.d.ts').Repository['resolve']} */
  async resolve(rev, options = {}) {
    return this.#lazyCall('resolve', [text('rev', rev)], options);
  }

  /** @type {import('./index.d.ts').Repository['log']} */
  log(rev, options = {}) {
    const plain = {
      path: optionalText(options, 'path'),
      order: oneOf(options, 'order', ['date', 'topo']),
      firstParent: flag(options, 'firstParent'),
      limit: whole(options, 'limit', 0),
      since: date(options, 'since'),
    };
    return this.#lazyIterate('log', [text('rev', rev), plain], options);
  }

  /** @type {import('./index.d.ts').Repository['mergeBase']} */
  async mergeBase(a, b, options = {}) {
    return this.#call('mergeBase', [text('a', a), text('b', b)], options);
  }

  /** @type {import('./index.d.ts').Repository['aheadBehind']} */
  async aheadBehind(a, b, options = {}) {
    return this.#call('aheadBehind', [text('a', a), text('b', b)], options);
  }

  /** @type {import('./index.d.ts').Repository['readCommit']} */
  async readCommit(rev, options = {}) {
    return JSON.parse(await this.#lazyCall('readCommit', [text('rev', rev)], options));
  }

  /** @type {import('./index.d.ts').Repository['readTag']} */
  async readTag(rev, options = {}) {
    return JSON.parse(await this.#lazyCall('readTag', [text('rev', rev)], options));
  }

  /** @type {import('./index.d.ts').Repository['object']} */
  async object(oid, options = {}) {
    const { type, size, content } = await this.#lazyCall('info', [text('oid', oid)], options);
    const read = this.#reader(oid, content);
    return { type, size, bytes: async () => read({}) };
  }

  /** @type {import('./index.d.ts').Repository['objects']} */
  objects(options = {}) {
    return this.#iterate('objects', [], options);
  }

  /** @type {import('./index.d.ts').Repository['shallow']} */
  async shallow(options = {}) {
    return this.#call('shallow', [], options);
  }

  /** @type {import('./index.d.ts').Repository['packs']} */
  packs(options = {}) {
    return this.#iterate('packs', [], options, (/** @type {{ name: string, promisor: boolean }} */ { name, promisor }) => ({
      name,
      promisor,
      pack: this.#stream('packBytes', [name], options),
      index: this.#stream('indexBytes', [name], options),
    }));
  }

  /** @type {import('./index.d.ts').Repository['tree']} */
  tree(rev, options = {}) {
    const plain = { path: optionalText(options, 'path'), recursive: flag(options, 'recursive') };
    return this.#lazyIterate('tree', [text('rev', rev), plain], options, (/** @type {{ pathBytes?: number[] }} */ entry) =>
      entry.pathBytes ? { ...entry, pathBytes: Uint8Array.from(entry.pathBytes) } : entry,
    );
  }

  /** @type {import('./index.d.ts').Repository['blob']} */
  async blob(rev, path, options = {}) {
    const { oid, size, content } = await this.#lazyCall('blob', [text('rev', rev), optionalText({ path }, 'path')], options);
    const read = this.#reader(oid, content);
    return {
      oid,
      size,
      bytes: async (options = {}) => read(options),
      text: async (options = {}) => new TextDecoder().decode(await read(options)),
      stream: (options = {}) => this.#lazyStream('blobBytes', [oid], options),
    };
  }

  /** @type {import('./index.d.ts').Repository['diff']} */
  diff(from, to, options = {}) {
    return this.#lazyIterate('diff', [textOrNull('from', from), textOrNull('to', to), diffOptions(options)], options);
  }

  /** @type {import('./index.d.ts').Repository['diffBlobs']} */
  async diffBlobs(from, to, options = {}) {
    const plain = diffBlobsOptions(options);
    return this.#lazyCall('diffBlobs', [textOrNull('from', from), textOrNull('to', to), plain], options);
  }

  /** @type {import('./index.d.ts').Repository['fetch']} */
  async fetch(options = {}) {
    const { plain, callbacks, signal } = this.#remote(options, fetchOptions);
    return this.#connection.call('fetch', [this.#open(), plain], { signal, callbacks });
  }

  /** @type {import('./index.d.ts').Repository['pull']} */
  async pull(branch, options = {}) {
    const { plain, callbacks, signal } = this.#remote(options, fetchOptions);
    return this.#connection.call('pull', [this.#open(), text('branch', branch), plain], { signal, callbacks });
  }

  /** @type {import('./index.d.ts').Repository['push']} */
  async push(options = {}) {
    const { plain, callbacks, signal } = this.#remote(options, pushOptions);
    const { error, ...result } = await this.#connection.call('push', [this.#open(), plain], { signal, callbacks });
    return error ? { ...result, error: new GitError(error) } : result;
  }

  /** @type {import('./index.d.ts').Repository['pushOutcome']} */
  async pushOutcome(push, options = {}) {
    const { plain, callbacks, signal } = this.#remote(options, pushOutcomeOptions);
    const remote = plain.remote ?? push.remote;
    /** @type {import('./index.d.ts').PushFate[]} */
    const fates = [];
    for (const [url, questions] of questionsOf(push)) {
      const more = { ...plain, remote, url };
      const found = await this.#connection.call('pushOutcome', [this.#open(), questions, more], { signal, callbacks });
      fates.push(...found);
    }
    return fates;
  }

  /** @type {import('./index.d.ts').Repository['gc']} */
  async gc(options = {}) {
    const { plain, callbacks, signal } = gcOptions(options);
    return this.#connection.call('gc', [this.#open(), plain], { signal, callbacks });
  }

  /** @type {import('./index.d.ts').Repository['prefetch']} */
  async prefetch(rev, options = {}) {
    const what = { path: optionalText(options, 'path'), recursive: flag(options, 'recursive') };
    return this.#lazyCall('prefetch', [text('rev', rev), what], options);
  }

  /** @type {import('./index.d.ts').Repository['writeBlob']} */
  async writeBlob(data, options = {}) {
    if (!(data instanceof Blob || data instanceof ReadableStream)) return this.#call('writeBlob', [await content('data', data)], options);
    const { piece, end } = pieces(data);
    try {
      return await this.#connection.call('writeBlobOf', [this.#open()], { signal: signalOf(options), callbacks: { asks: { piece } } });
    } finally {
      end();
    }
  }

  /** @type {import('./index.d.ts').Repository['writeTree']} */
  async writeTree(entries, options = {}) {
    return this.#lazyCall('writeTree', [treeEntries(entries)], options);
  }

  /** @type {import('./index.d.ts').Repository['writeCommit']} */
  async writeCommit(commit, options = {}) {
    return this.#write('writeCommit', [], newCommit(commit, this.#remembering(options)));
  }

  /** @type {import('./index.d.ts').Repository['writeTag']} */
  async writeTag(tag, options = {}) {
    return this.#write('writeTag', [], newTag(tag, this.#remembering(options)));
  }

  /** @type {import('./index.d.ts').Repository['commit']} */
  async commit(branch, commit, options = {}) {
    return this.#write('commit', [text('branch', branch)], await commitOptions(commit, this.#remembering(options)));
  }

  /** @type {import('./index.d.ts').Repository['merge']} */
  async merge(branch, rev, options = {}) {
    return this.#write('merge', [text('branch', branch), text('rev', rev)], mergeOptions(this.#remembering(options)));
  }

  /** @type {import('./index.d.ts').Repository['cherryPick']} */
  async cherryPick(branch, rev, options = {}) {
    return this.#write('cherryPick', [text('branch', branch), text('rev', rev)], replayOptions(this.#remembering(options)));
  }

  /** @type {import('./index.d.ts').Repository['revert']} */
  async revert(branch, rev, options = {}) {
    return this.#write('revert', [text('branch', branch), text('rev', rev)], replayOptions(this.#remembering(options)));
  }

  /** @type {import('./index.d.ts').Repository['updateRefs']} */
  async updateRefs(updates, options = {}) {
    await this.#lazyCall('updateRefs', [refUpdates(updates), optionalText(options, 'message') ?? ''], options);
  }

  /** @type {import('./index.d.ts').Repository['readSignature']} */
  async readSignature(rev, options = {}) {
    return (await this.#lazyCall('readSignature', [text('rev', rev)], options)) ?? undefined;
  }

  /** @type {import('./index.d.ts').Repository['usage']} */
  async usage(options = {}) {
    return this.#call('usage', [], options);
  }

  /** @type {import('./index.d.ts').Repository['close']} */
  async close() {
    if (this.#closed) return;
    this.#closed = true;
    this.#connection.release(this.#reference.key);
  }

  /**
   * Reads an object's bytes. Those of a small one came along when it was looked up; they are given out
   * once, because the caller may change them.
   * @param {string} oid @param {Uint8Array | undefined} content
   * @returns {(options: Abortable) => Promise<Uint8Array>}
   */
  #reader(oid, content) {
    return async (options) => {
      const held = content;
      if (!held) return this.#lazyCall('read', [oid], options);
      const { signal } = this.#remote(options);
      this.#open();
      signal?.throwIfAborted();
      content = undefined;
      return held;
    };
  }

  /** @param {string} method @param {unknown[]} args @param {Abortable} options */
  #call(method, args, options) {
    return this.#connection.call(method, [this.#open(), ...args], { signal: signalOf(options) });
  }

  /** @param {string} method @param {unknown[]} args @param {Abortable} options @param {(value: any) => any} [map] */
  #iterate(method, args, options, map) {
    this.#open();
    return this.#connection.iterate(method, () => [this.#open(), ...args], { signal: signalOf(options), map });
  }

  /** @param {string} method @param {unknown[]} args @param {Abortable} options */
  #stream(method, args, options) {
    this.#open();
    return this.#connection.stream(method, () => [this.#open(), ...args], { signal: signalOf(options) });
  }

  /**
   * What a call that may talk to the remote passes on: the options this object was made with, and
   * in front of them the call's own, checked and made plain by `make`. Every call that talks to the
   * remote goes through this: `const { plain, callbacks, signal } = this.#remote(options)`.
   * @template {RemoteOptions} O @template R
   * @param {O} options @param {(options: O) => R} make
   * @returns {R}
   */
  #remote(options, make = /** @type {any} */ (remoteOptions)) {
    return make(this.#remembering(options));
  }

  /** @template {RemoteOptions} O @param {O} options @returns {O} */
  #remembering(options) {
    return { ...this.#remembered, ...options };
  }

  /**
   * A call that writes what `pkg/write.js` made plain.
   * @param {string} method @param {unknown[]} args
   * @param {{ plain: object, remote: object, callbacks: import('./rpc.js').Callbacks, signal?: AbortSignal }} made
   */
  #write(method, args, { plain, remote, callbacks, signal }) {
    return this.#connection.call(method, [this.#open(), ...args, plain, remote], { signal, callbacks });
  }

  // Calls that read objects, which a partial clone may first have to fetch. The engine takes how to
  // talk to the remote as their last argument.

  /** @param {string} method @param {unknown[]} args @param {Abortable} options */
  #lazyCall(method, args, options) {
    const { plain, callbacks, signal } = this.#remote(options);
    return this.#connection.call(method, [this.#open(), ...args, plain], { signal, callbacks });
  }

  /** @param {string} method @param {unknown[]} args @param {Abortable} options @param {(value: any) => any} [map] */
  #lazyIterate(method, args, options, map) {
    const { plain, callbacks, signal } = this.#remote(options);
    this.#open();
    return this.#connection.iterate(method, () => [this.#open(), ...args, plain], { signal, callbacks, map });
  }

  /** @param {string} method @param {unknown[]} args @param {Abortable} options */
  #lazyStream(method, args, options) {
    const { plain, callbacks, signal } = this.#remote(options);
    this.#open();
    return this.#connection.stream(method, () => [this.#open(), ...args, plain], { signal, callbacks });
  }

  #open() {
    if (this.#closed) throw new GitError({ ...internal(`the repository ${this.name} was closed`), code: 'Unsupported' });
    return this.#reference;
  }
}

if (Symbol.asyncDispose) {
  Object.defineProperty(Repository.prototype, Symbol.asyncDispose, {
    value: Repository.prototype.close,
    configurable: true,
    writable: true,
  });
}
