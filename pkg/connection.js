// Where calls run: one worker for the page, or this context; started when first needed, and again
// after it died. Abort and errors look the same for both.

import { describe, GitError, internal } from './errors.js';
import { Session, tell } from './rpc.js';

/** @typedef {import('./rpc.js').Callbacks} Callbacks */
/** @typedef {import('./rpc.js').Outcome} Outcome */
/** @typedef {import('./rpc.js').Runner} Runner */
/** @typedef {{ signal?: AbortSignal, callbacks?: Callbacks }} CallOptions */

/** How long an aborted call is waited for once the engine has said that it stops, in milliseconds. */
const GRACE = 50;

/** The first batch of a list is small so that it comes soon; each next one is four times as large up to a limit. */
const FIRST_BATCH = 32;
const LARGEST_BATCH = 4096;

/** @type {Map<string, Connection>} */
const connections = new Map();
/** @type {WeakMap<() => Worker, Connection>} */
const started = new WeakMap();

/**
 * The connection for these options; the same options give the same one.
 * @param {import('./index.d.ts').StoreOptions} options
 * @returns {Connection}
 */
export function connect({ worker = true, wasmUrl }) {
  if (wasmUrl !== undefined && typeof wasmUrl !== 'string' && !(wasmUrl instanceof URL)) throw new TypeError('wasmUrl must be a string or a URL');
  const url = wasmUrl === undefined ? undefined : new URL(wasmUrl, globalThis.document?.baseURI ?? globalThis.location?.href).href;
  if (typeof worker === 'function') {
    let connection = started.get(worker);
    if (!connection) started.set(worker, (connection = new Connection((onEnd) => new Session(worker(), url, onEnd))));
    return connection;
  }
  if (typeof worker !== 'boolean') throw new TypeError('worker must be true, false, or a function that starts a Worker');
  const key = `${worker ? 'worker' : 'here'} ${url ?? ''}`;
  let connection = connections.get(key);
  if (!connection) {
    connection = new Connection(worker ? (onEnd) => new Session(startWorker(), url, onEnd) : (onEnd) => new Local(url, onEnd));
    connections.set(key, connection);
  }
  return connection;
}

/** @returns {Worker} */
function startWorker() {
  try {
    // Written so that bundlers see it.
    return new Worker(new URL('./worker.js', import.meta.url), { type: 'module', name: 'gitside' });
  } catch (thrown) {
    // The package comes from another origin (a CDN), which no worker may be started from directly.
    if (!(thrown instanceof DOMException) || thrown.name !== 'SecurityError') throw thrown;
    const source = `import ${JSON.stringify(new URL('./worker.js', import.meta.url).href)};`;
    const blob = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
    const worker = new Worker(blob, { type: 'module', name: 'gitside' });
    const loaded = () => URL.revokeObjectURL(blob);
    worker.addEventListener('message', loaded, { once: true });
    return worker;
  }
}

/**
 * The engine in this context, loaded when first called.
 * @implements {Runner}
 */
class Local {
  /** @type {Promise<import('./rpc.js').Engine>} */
  #engine;

  /** @param {string | undefined} wasmUrl @param {() => void} onEnd */
  constructor(wasmUrl, onEnd) {
    this.#engine = import('./engine.js').then(({ load }) => load(wasmUrl));
    this.#engine.then((engine) => void engine.died.then(onEnd), onEnd);
  }

  /** @type {Runner['run']} */
  run(method, args, { events = {}, asks }) {
    /** @type {import('./rpc.js').Run | undefined} */
    let run;
    let cancelled = false;
    /** @type {Callbacks['events']} */
    const told = {};
    for (const [name, listener] of Object.entries(events)) {
      if (listener) told[name] = (...args) => tell(listener, args);
    }
    /** @returns {Promise<Outcome>} */
    const begin = async () => {
      const engine = await this.#engine;
      if (cancelled) return { cancelled: true };
      run = engine.run(method, args, { events: told, asks });
      return run.outcome;
    };
    const failed = (/** @type {unknown} */ thrown) => ({
      error: /** @type {import('./errors.js').ErrorData} */ (thrown instanceof Error ? internal(describe(thrown)) : thrown),
    });
    return {
      outcome: begin().catch(failed),
      cancel: () => (run ? run.cancel() : (cancelled = true)),
    };
  }

  /** @type {Runner['release']} */
  release(key) {
    this.#engine.then((engine) => engine.release(key)).catch(() => {});
  }
}

/** Calls of one place, across its restarts. */
export class Connection {
  /** @type {Runner | null} */
  #runner = null;
  #start;
  #key = 0;

  /** @param {(onEnd: () => void) => Runner} start */
  constructor(start) {
    this.#start = start;
  }

  /** A name for a handle, never used before. */
  key() {
    return (this.#key += 1);
  }

  /**
   * Calls by name.
   * @param {string} method
   * @param {unknown[]} args
   * @param {CallOptions} [options]
   * @returns {Promise<any>}
   */
  async call(method, args, { signal, callbacks = {} } = {}) {
    signal?.throwIfAborted();
    /** @type {{ thrown: unknown } | undefined} */
    let refused;
    /** @type {Callbacks['asks']} */
    const asks = {};
    for (const [name, ask] of Object.entries(callbacks.asks ?? {})) {
      if (!ask) continue;
      // The call fails with what the caller's function threw, not with a copy of it.
      asks[name] = async (...args) => {
        try {
          return await ask(...args);
        } catch (thrown) {
          refused ??= { thrown };
          run.cancel();
          throw thrown;
        }
      };
    }
    const run = this.#running().run(method, args, { events: callbacks.events, asks });
    const outcome = signal ? await abortable(run, signal) : await run.outcome;
    if ('value' in outcome) return outcome.value;
    if (signal?.aborted) throw signal.reason;
    if (refused) throw refused.thrown;
    throw new GitError('error' in outcome ? outcome.error : internal('the call was cancelled'));
  }

  /**
   * Lists: opens a cursor when iterated, and gives it back at the end, at a `break`, or on failure.
   * @param {string} method
   * @param {() => unknown[]} args asked for when it is iterated; throws if that is too late
   * @param {CallOptions & { batch?: number, map?: (value: any) => any }} [options] `batch`: so many at a time, always
   * @returns {AsyncIterable<any>}
   */
  iterate(method, args, options) {
    return { [Symbol.asyncIterator]: () => this.#walk(method, args, options ?? {}) };
  }

  /**
   * Bytes piece by piece, read when asked for.
   * @param {string} method
   * @param {() => unknown[]} args as of `iterate`
   * @param {CallOptions} [options]
   * @returns {ReadableStream<Uint8Array>}
   */
  stream(method, args, options) {
    const pieces = this.#walk(method, args, { ...options, batch: 1 });
    return new ReadableStream(
      {
        async pull(controller) {
          const { value, done } = await pieces.next();
          if (done) controller.close();
          else controller.enqueue(value);
        },
        async cancel() {
          await pieces.return();
        },
      },
      { highWaterMark: 0 },
    );
  }

  /**
   * Forgets a handle.
   * @param {number} key
   */
  release(key) {
    this.#runner?.release(key);
  }

  /**
   * @param {string} method
   * @param {() => unknown[]} args
   * @param {CallOptions & { batch?: number, map?: (value: any) => any }} options
   * @returns {AsyncGenerator<any, void, void>}
   */
  async *#walk(method, args, { signal, callbacks, batch, map = (value) => value }) {
    signal?.throwIfAborted();
    const key = this.key();
    let count = batch ?? FIRST_BATCH;
    try {
      let { values, done } = await this.call(method, [key, count, ...args()], { signal, callbacks });
      for (;;) {
        for (const value of typeof values === 'string' ? JSON.parse(values) : values) {
          yield map(value);
          signal?.throwIfAborted();
        }
        if (done) return;
        count = batch ?? Math.min(count * 4, LARGEST_BATCH);
        ({ values, done } = await this.call('next', [key, count], { signal, callbacks }));
      }
    } finally {
      this.release(key);
    }
  }

  #running() {
    if (this.#runner) return this.#runner;
    try {
      /** @type {Runner} */
      const runner = this.#start(() => {
        if (this.#runner === runner) this.#runner = null;
      });
      return (this.#runner = runner);
    } catch (thrown) {
      throw new GitError(internal(`the worker could not be started: ${describe(thrown)}`));
    }
  }
}

/**
 * How the run ends, or that it was cancelled because of the signal. An aborted call is answered
 * when the engine has confirmed that it stops, not merely when it was asked to: only then is it
 * certain that nothing changes any more.
 * @param {import('./rpc.js').Run} run
 * @param {AbortSignal} signal
 * @returns {Promise<Outcome>}
 */
function abortable(run, signal) {
  return new Promise((resolve) => {
    const abort = async () => {
      const stopped = await run.cancel();
      // It usually ends at once, having cleaned up.
      if (stopped) setTimeout(() => resolve({ cancelled: true }), GRACE);
    };
    signal.addEventListener('abort', abort, { once: true });
    run.outcome.then((outcome) => {
      signal.removeEventListener('abort', abort);
      resolve(outcome);
    });
  });
}
