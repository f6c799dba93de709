// The engine in this context: loads the wasm module, keeps its handles, and turns calls by name
// into calls of its exports. Runs in the worker, or beside the page with `worker: false`.
//
// A wasm module that trapped may be in any state. From then on the engine is dead: everything
// pending fails, and the next `load` makes a new instance. Repositories are named in each call by
// more than a handle, so that they are simply opened again.

import init, { Engine as Exports, Operation, restart } from './wasm/gitside.js';
import { describe, internal } from './errors.js';
import { startHelper } from './helpers.js';
import { Upkeep } from './upkeep.js';

/** @typedef {import('./errors.js').ErrorData} ErrorData */
/** @typedef {import('./rpc.js').Outcome} Outcome */
/** @typedef {import('./rpc.js').Callbacks} Callbacks */
/** @typedef {import('./rpc.js').Runner} Runner */
/** @typedef {import('./wasm/gitside.js').Cursor} Cursor */
/** @typedef {import('./wasm/gitside.js').RepositoryHandle} RepositoryHandle */

/**
 * A repository as the caller names it: `key` is the caller's own, the rest finds it again.
 * @typedef {{ key: number, storage: string, name: string, id: string }} Reference
 */

/** Calls after which there may be more history than before, or more than was looked at when the tab was closed. */
const GROWS = new Set(['clone', 'open', 'fetch', 'pull', 'gc', 'commit', 'merge', 'cherryPick', 'revert', 'updateRefs']);

/** All engines share the module's one instance. @type {Set<WasmEngine>} */
const living = new Set();
/** Whether that instance trapped. */
let trapped = false;

/**
 * Loads the module, once, and makes an engine.
 * @param {string | undefined} wasmUrl where the module is; beside this file by default
 * @returns {Promise<import('./rpc.js').Engine>} rejects with ErrorData
 */
export async function load(wasmUrl) {
  try {
    await init({ module_or_path: wasmUrl ?? new URL('./wasm/gitside_bg.wasm', import.meta.url) });
    if (trapped) {
      // The glue makes a new instance before the next call.
      restart();
      trapped = false;
    }
    return new WasmEngine();
  } catch (thrown) {
    if (!WebAssembly.validate(SIMD)) {
      const message = 'this browser has no WebAssembly SIMD, and cannot run the wasm module';
      throw { ...internal(message, { hint: 'Chrome 91, Firefox 89, Safari 16.4 and later have it', data: { reason: 'simd' } }), code: 'Unsupported' };
    }
    throw internal(`the wasm module could not be started: ${describe(thrown)}`, { hint: LOAD_HINT });
  }
}

/** A module whose one function drops `i8x16.splat` of 0: valid where there is SIMD. */
const SIMD = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 10, 9, 1, 7, 0, 65, 0, 253, 15, 26, 11);

const LOAD_HINT =
  "is gitside_bg.wasm served beside gitside's index.js (else set the option `wasmUrl`), and does the page's " +
  "Content-Security-Policy allow 'wasm-unsafe-eval' in script-src?";

/** @implements {Runner} */
class WasmEngine {
  /** @type {ErrorData | null} */
  #dead = null;
  /** @type {(error: ErrorData) => void} */
  #announce = () => {};
  /** Resolves if the instance trapped. @type {Promise<ErrorData>} */
  died = new Promise((resolve) => (this.#announce = resolve));
  /** What the module said before it trapped. */
  #lastWords = '';
  /** Ends each call that is under way. @type {Set<(outcome: Outcome) => void>} */
  #pending = new Set();
  /** @type {Map<number, RepositoryHandle>} */
  #repositories = new Map();
  /** @type {Map<number, Cursor>} */
  #cursors = new Map();
  /** Repositories that are being opened again. @type {Map<number, { calls: number, closed: boolean }>} */
  #reviving = new Map();
  /** Cancelled calls that still clean up, by the repository they had in hand. @type {Map<string, Promise<unknown>>} */
  #ending = new Map();
  #exports = new Exports((/** @type {string} */ words) => (this.#lastWords = words), startHelper);
  #upkeep = new Upkeep((key) => this.#keepUp(key));

  constructor() {
    living.add(this);
  }

  /** @type {Runner['run']} */
  run(method, args, callbacks) {
    if (this.#dead) return { outcome: Promise.resolve({ error: this.#dead }), cancel: () => true };
    this.#upkeep.pause();
    let cancelled = false;
    let ended = false;
    /** @type {Operation | undefined} */
    let operation;
    /** @type {Promise<Outcome>} */
    const outcome = new Promise((resolve) => {
      this.#pending.add(resolve);
      const begin = async () => {
        operation = new Operation({ ...callbacks.events, ...callbacks.asks });
        return this.#perform(method, operation, args);
      };
      begin()
        .then((value) => ({ value }), (thrown) => this.#failure(thrown))
        .then((/** @type {Outcome} */ outcome) => {
          ended = true;
          this.#pending.delete(resolve);
          if (!this.#dead) operation?.free();
          if ('value' in outcome && GROWS.has(method)) this.#upkeep.note(typeof args[0] === 'number' ? args[0] : /** @type {Reference} */ (args[0]).key);
          if (this.#pending.size === 0) this.#upkeep.resume();
          resolve(outcome);
        });
    });
    const cancel = () => {
      if (ended) return false;
      if (this.#dead || !operation) return true;
      cancelled ||= operation.cancel();
      if (cancelled) this.#noteEnding(method, args, outcome);
      return cancelled;
    };
    return { outcome, cancel };
  }

  /** @type {Runner['release']} */
  release(key) {
    const [cursor, repository] = [this.#cursors.get(key), this.#repositories.get(key)];
    this.#cursors.delete(key);
    this.#repositories.delete(key);
    this.#upkeep.forget(key);
    const reviving = this.#reviving.get(key);
    if (reviving) reviving.closed = true;
    if (this.#dead) return;
    cursor?.free();
    if (![...this.#repositories.values()].includes(/** @type {any} */ (repository))) repository?.free();
  }

  /**
   * The instance trapped: nothing in it can be used any more, nor freed.
   * @param {unknown} thrown
   */
  die(thrown) {
    if (this.#dead) return;
    const words = this.#lastWords || describe(thrown);
    this.#dead = internal(`the engine stopped because of a fault of its own: ${words}`, {
      hint: 'this is a bug of gitside; the next call starts a new engine',
      retryable: true,
    });
    living.delete(this);
    this.#upkeep.end();
    this.#repositories.clear();
    this.#cursors.clear();
    // First, so that whoever hears of a failed call calls a new engine.
    this.#announce(this.#dead);
    for (const end of this.#pending) end({ error: this.#dead });
    this.#pending.clear();
  }

  /**
   * Begins the upkeep of a repository that is open.
   * @param {number} key @returns {import('./upkeep.js').Work | null}
   */
  #keepUp(key) {
    const repository = this.#repositories.get(key);
    if (this.#dead || !repository) return null;
    const operation = new Operation({});
    const done = repository.upkeep(operation).finally(() => {
      if (!this.#dead) operation.free();
    });
    return {
      // What fails is not worth telling, but for a trap: whoever calls next needs a new instance.
      done: done.catch((thrown) => (this.#failure(thrown), true)),
      cancel: () => this.#dead || operation.cancel(),
    };
  }

  /** @param {string} method @param {Operation} operation @param {any[]} args @returns {Promise<unknown>} */
  async #perform(method, operation, args) {
    const engine = this.#exports;
    switch (method) {
      case 'clone': {
        const [key, storage, url, name, options] = args;
        await this.#ending.get(`${storage} ${name}`);
        return this.#keep(key, await engine.clone(operation, storage, url, name, options));
      }
      case 'init': {
        const [key, storage, name, branch] = args;
        await this.#ending.get(`${storage} ${name}`);
        return this.#keep(key, await engine.init(operation, storage, name, branch));
      }
      case 'open': {
        const [key, storage, name] = args;
        await this.#ending.get(`${storage} ${name}`);
        return this.#keep(key, await engine.open(operation, storage, name, undefined));
      }
      case 'remove': {
        const [storage, name] = args;
        await this.#ending.get(`${storage} ${name}`);
        return engine.remove(operation, storage, name);
      }
      case 'lsRemote': {
        const [url, options] = args;
        return engine.lsRemote(operation, url, options);
      }
      case 'list': {
        const [key, count, storage] = args;
        return this.#first(key, count, operation, await engine.list(operation, storage));
      }
      case 'next': {
        const [key, count] = args;
        const cursor = this.#cursors.get(key);
        if (!cursor) throw internal('the list was interrupted by a restart of the engine', { retryable: true });
        return cursor.next(operation, count);
      }
      case 'refs':
      case 'log':
      case 'tree':
      case 'diff':
      case 'objects':
      case 'packs':
      case 'packBytes':
      case 'indexBytes':
      case 'blobBytes':
      case 'reflog': {
        const [key, count, reference, ...rest] = args;
        await this.#revive(operation, reference);
        // @ts-ignore: each takes what its caller in index.js passes
        return this.#first(key, count, operation, await this.#repository(reference)[method](operation, ...rest));
      }
      case 'resolve':
      case 'mergeBase':
      case 'aheadBehind':
      case 'diffBlobs':
      case 'readCommit':
      case 'readTag':
      case 'shallow':
      case 'info':
      case 'read':
      case 'blob':
      case 'usage':
      case 'prefetch':
      case 'fetch':
      case 'pull':
      case 'push':
      case 'pushOutcome':
      case 'gc':
      case 'writeBlob':
      case 'writeBlobOf':
      case 'writeTree':
      case 'writeCommit':
      case 'writeTag':
      case 'commit':
      case 'updateRefs':
      case 'merge':
      case 'cherryPick':
      case 'revert':
      case 'createBranch':
      case 'renameBranch':
      case 'deleteBranch':
      case 'createTag':
      case 'deleteTag':
      case 'readSignature':
      case 'configGet':
      case 'configAll':
      case 'configSet':
      case 'listRemotes':
      case 'addRemote':
      case 'setRemote':
      case 'removeRemote': {
        const [reference, ...rest] = args;
        await this.#revive(operation, reference);
        // @ts-ignore: as above
        return this.#repository(reference)[method](operation, ...rest);
      }
      default:
        throw internal(`there is no call ${method}`);
    }
  }

  /**
   * Notes an open repository. All who have the same one open share the newest handle: each has
   * caches, and an older one may have lost its database.
   * @param {number} key @param {RepositoryHandle} repository
   */
  #keep(key, repository) {
    const { id } = repository;
    const older = new Set();
    for (const [other, handle] of this.#repositories) {
      if (handle.id !== id) continue;
      older.add(handle);
      this.#repositories.set(other, repository);
    }
    for (const handle of older) handle.free();
    this.#repositories.set(key, repository);
    return { id };
  }

  /**
   * Opens a repository again whose handle was lost with an earlier engine.
   * @param {Operation} operation @param {Reference} reference
   */
  async #revive(operation, { key, storage, name, id }) {
    if (this.#repositories.has(key)) return;
    // Other calls may do the same at the same time, and whoever has the key may close it meanwhile.
    const reviving = this.#reviving.get(key) ?? { calls: 0, closed: false };
    this.#reviving.set(key, reviving);
    reviving.calls += 1;
    try {
      const repository = await this.#exports.open(operation, storage, name, id);
      if (reviving.closed) repository.free();
      else this.#keep(key, repository);
    } finally {
      reviving.calls -= 1;
      if (reviving.calls === 0) this.#reviving.delete(key);
    }
  }

  /**
   * The handle as it is now; to be used at once, since another call may replace it.
   * @param {Reference} reference
   */
  #repository({ key, name }) {
    const repository = this.#repositories.get(key);
    if (!repository) throw { ...internal(`the repository ${name} was closed`), code: 'Unsupported' };
    return repository;
  }

  /** @param {number} key @param {number} count @param {Operation} operation @param {Cursor} cursor */
  async #first(key, count, operation, cursor) {
    const batch = await cursor.next(operation, count);
    if (batch.done) cursor.free();
    else this.#cursors.set(key, cursor);
    return batch;
  }

  /**
   * The caller of a cancelled clone or init goes on before it has cleaned up; the name is free for
   * the next call only then.
   * @param {string} method @param {any[]} args @param {Promise<unknown>} outcome
   */
  #noteEnding(method, args, outcome) {
    if (method !== 'clone' && method !== 'init') return;
    const [, storage] = args;
    const name = method === 'clone' ? args[3] : args[2];
    const place = `${storage} ${name}`;
    const ended = outcome.then(() => {
      if (this.#ending.get(place) === ended) this.#ending.delete(place);
    });
    this.#ending.set(place, ended);
  }

  /** @param {unknown} thrown @returns {Outcome} */
  #failure(thrown) {
    if (thrown === null) return { cancelled: true };
    if (isTrap(thrown)) {
      trap(thrown);
      return { error: this.#dead ?? internal(describe(thrown)) };
    }
    if (typeof thrown === 'object' && 'code' in thrown && !(thrown instanceof Error)) {
      return { error: /** @type {ErrorData} */ (thrown) };
    }
    return { error: internal(describe(thrown)) };
  }
}

/** @param {unknown} thrown */
function trap(thrown) {
  trapped = true;
  for (const engine of [...living]) engine.die(thrown);
}

/**
 * Whether our module trapped. A stack overflow is a RangeError in some engines, an InternalError in
 * others; a page may have other modules that trap.
 * @param {unknown} thrown
 */
function isTrap(thrown) {
  if (!(thrown instanceof Error)) return false;
  const kind = thrown instanceof WebAssembly.RuntimeError || thrown instanceof RangeError || thrown.name === 'InternalError';
  return kind && /gitside|wasm/.test(thrown.stack ?? '');
}

/**
 * Whether something (a timer, a response) came for an instance that was replaced: the glue refuses
 * to pass it on, in these words, and nobody waits for it any more.
 * @param {unknown} thrown
 */
function isLate(thrown) {
  return thrown instanceof Error && thrown.message === 'Cannot invoke closure from previous WASM instance';
}

// A trap in a continuation (a timer, a message, a microtask) reaches no caller of ours.
for (const type of /** @type {const} */ (['error', 'unhandledrejection'])) {
  globalThis.addEventListener?.(type, (event) => {
    const thrown = 'reason' in event ? event.reason : /** @type {ErrorEvent} */ (event).error;
    if (isLate(thrown)) event.preventDefault();
    if (living.size === 0 || !isTrap(thrown)) return;
    event.preventDefault();
    trap(thrown);
  });
}
