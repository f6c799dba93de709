// The public API. Everything here is shape: calls are made in the engine, by name.

import { connect } from './connection.js';
import { GitError, internal } from './errors.js';
import { cloneOptions, date, flag, oneOf, optionalText, remoteOptions, repositoryName, signalOf, storageOf, text, texts, whole } from './options.js';

export { GitError };

/** @typedef {import('./connection.js').Connection} Connection */
/** @typedef {import('./engine.js').Reference} Reference */
/** @typedef {import('./index.d.ts').StoreOptions} StoreOptions */
/** @typedef {import('./index.d.ts').Abortable} Abortable */

/** @type {typeof import('./index.d.ts').clone} */
export async function clone(url, name, options = {}) {
  const { plain, callbacks, signal } = cloneOptions(options);
  const connection = connect(options);
  const storage = storageOf(options);
  const key = connection.key();
  const address = url instanceof URL ? url.href : text('url', url);
  const { id } = await connection.call('clone', [key, storage, address, repositoryName(name), plain], { signal, callbacks });
  return repository(connection, { key, storage, name, id });
}

/** @type {typeof import('./index.d.ts').open} */
export async function open(name, options = {}) {
  const connection = connect(options);
  const storage = storageOf(options);
  const key = connection.key();
  const { id } = await connection.call('open', [key, storage, repositoryName(name)], { signal: signalOf(options) });
  return repository(connection, { key, storage, name, id });
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

/** Repositories are made by `clone` and `open` alone. */
const DOOR = Symbol('gitside');

/** @param {Connection} connection @param {Reference} reference */
function repository(connection, reference) {
  return /** @type {any} */ (new Repository(DOOR, connection, reference));
}

/** @implements {Omit<import('./index.d.ts').Repository, typeof Symbol.asyncDispose>} */
export class Repository {
  /** @type {Connection} */
  #connection;
  /** @type {Reference} */
  #reference;
  #closed = false;

  /** @param {symbol} door @param {Connection} connection @param {Reference} reference */
  constructor(door, connection, reference) {
    if (door !== DOOR) throw new TypeError('a Repository comes from clone or open');
    this.#connection = connection;
    this.#reference = reference;
  }

  get name() {
    return this.#reference.name;
  }

  /** @type {import('./index.d.ts').Repository['refs']} */
  refs(options = {}) {
    return this.#iterate('refs', [optionalText(options, 'prefix') ?? ''], options);
  }

  /** @type {import('./index.d.ts').Repository['resolve']} */
  async resolve(rev, options = {}) {
    return this.#call('resolve', [text('rev', rev)], options);
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
    return this.#iterate('log', [text('rev', rev), plain], options);
  }

  /** @type {import('./index.d.ts').Repository['readCommit']} */
  async readCommit(rev, options = {}) {
    return this.#call('readCommit', [text('rev', rev)], options);
  }

  /** @type {import('./index.d.ts').Repository['readTag']} */
  async readTag(rev, options = {}) {
    return this.#call('readTag', [text('rev', rev)], options);
  }

  /** @type {import('./index.d.ts').Repository['object']} */
  async object(oid, options = {}) {
    const { type, size } = await this.#call('info', [text('oid', oid)], options);
    return { type, size, bytes: async () => this.#read(oid, {}) };
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
    return this.#iterate('packs', [], options, (/** @type {string} */ name) => ({
      name,
      pack: this.#stream('packBytes', [name], options),
      index: this.#stream('indexBytes', [name], options),
    }));
  }

  /** @type {import('./index.d.ts').Repository['tree']} */
  tree(rev, options = {}) {
    const plain = { path: optionalText(options, 'path'), recursive: flag(options, 'recursive') };
    return this.#iterate('tree', [text('rev', rev), plain], options);
  }

  /** @type {import('./index.d.ts').Repository['blob']} */
  async blob(rev, path, options = {}) {
    const { oid, size } = await this.#call('blob', [text('rev', rev), optionalText({ path }, 'path')], options);
    return {
      oid,
      size,
      bytes: async (options = {}) => this.#read(oid, options),
      text: async (options = {}) => new TextDecoder().decode(await this.#read(oid, options)),
      stream: (options = {}) => this.#stream('blobBytes', [oid], options),
    };
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

  /** @param {string} oid @param {Abortable} options @returns {Promise<Uint8Array>} */
  #read(oid, options) {
    return this.#call('read', [oid], options);
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
