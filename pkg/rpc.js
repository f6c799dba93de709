// How a page and its worker talk. One side serves an engine, the other calls it; all that is needed
// between them is a port with `postMessage` and `message` events.
//
//   caller                              server
//   start { wasmUrl }            ─►
//                                ◄─     hello {}               on load; start is sent again
//                                ◄─     ready { lock }         or failed { error }
//   run { id, method, args, asks } ─►
//                                ◄─     event { id, name, args }
//                                ◄─     ask { id, number, name, args }
//   answer { id, number, value | thrown } ─►
//   cancel { id }                ─►
//                                ◄─     cancelled { id, stopped }
//                                ◄─     done { id, outcome }
//   release { key }              ─►
//   ping {}                      ─►
//                                ◄─     pong {}
//                                ◄─     dead { error }         the engine trapped
//
// Lists are cursors: a call opens one under a key that the caller chose and answers its first
// batch; `next` calls fetch more, `release` forgets it. Large byte arrays are transferred.
//
// Each post is a list of such messages: those of one moment go together (`Outbox`).

import { describe, internal } from './errors.js';

/** @typedef {import('./errors.js').ErrorData} ErrorData */

/**
 * How a call ended. `cancelled`: because it was told to.
 * @typedef {{ value: unknown } | { error: ErrorData } | { cancelled: true }} Outcome
 */

/**
 * Functions of the caller that a call may use: those in `events` are told things and answer
 * nothing, those in `asks` are asked and may answer later.
 * @typedef {object} Callbacks
 * @property {Record<string, ((...args: any[]) => void) | undefined>} [events]
 * @property {Record<string, ((...args: any[]) => unknown) | undefined>} [asks]
 */

/**
 * A call that is under way.
 * @typedef {object} Run
 * @property {Promise<Outcome>} outcome never rejects
 * @property {() => boolean | Promise<boolean>} cancel answers whether the call will stop
 */

/**
 * What runs calls: the engine itself, or a session with a worker that has one.
 * @typedef {object} Runner
 * @property {(method: string, args: unknown[], callbacks: Callbacks) => Run} run
 * @property {(key: number) => void} release
 */

/**
 * An engine in this context. `died` resolves if it trapped and can run nothing any more.
 * @typedef {Runner & { died: Promise<ErrorData> }} Engine
 */

/**
 * @typedef {object} Port
 * @property {(message: unknown, transfer?: Transferable[]) => void} postMessage
 * @property {(type: 'message', listener: (event: MessageEvent) => void) => void} addEventListener
 */

/** Smaller arrays are cheaper to copy than to transfer. */
const TRANSFER_FROM = 4096;

/**
 * What is sent through a port: all messages of one turn of the event loop in one post, in their order.
 * Calls that run at the same time end and begin together, and every post wakes another thread.
 */
class Outbox {
  /** @type {{ message: unknown, transfer: Transferable[], refused: (thrown: unknown) => void }[]} */
  #waiting = [];
  #port;

  /** @param {{ postMessage(message: unknown, transfer: Transferable[]): void }} port */
  constructor(port) {
    this.#port = port;
  }

  /** @param {unknown} message @param {Transferable[]} [transfer] @param {(thrown: unknown) => void} [refused] told why it cannot be sent */
  send(message, transfer = [], refused = () => {}) {
    if (this.#waiting.push({ message, transfer, refused }) === 1) queueMicrotask(() => this.#post(this.#waiting.splice(0)));
  }

  /** @param {{ message: unknown, transfer: Transferable[], refused: (thrown: unknown) => void }[]} messages */
  #post(messages) {
    try {
      this.#port.postMessage(messages.map(({ message }) => message), messages.flatMap(({ transfer }) => transfer));
    } catch (thrown) {
      // One that cannot be cloned does not hold back the others.
      if (messages.length === 1) messages[0]?.refused(thrown);
      else for (const message of messages) this.#post([message]);
    }
  }
}

/**
 * Serves the engine that `load` loads.
 * @param {Port} port
 * @param {(wasmUrl: string | undefined) => Promise<Engine>} load
 */
export function serve(port, load) {
  /** @type {Promise<Engine> | undefined} */
  let engine;
  /** @type {Map<number, Run>} */
  const runs = new Map();
  /** What was asked and not answered yet, by call and number. @type {Map<number, Map<number, { resolve: (value: unknown) => void, reject: (thrown: unknown) => void }>>} */
  const questions = new Map();
  let number = 0;
  const outbox = new Outbox(port);

  /** @type {Record<string, (message: any) => unknown>} */
  const handlers = {
    async start({ wasmUrl }) {
      if (engine) return;
      engine = load(wasmUrl);
      try {
        (await engine).died.then((error) => outbox.send({ kind: 'dead', error }));
        outbox.send({ kind: 'ready', lock: await holdLock() });
      } catch (thrown) {
        const error = thrown instanceof Error ? internal(describe(thrown)) : thrown;
        outbox.send({ kind: 'failed', error });
      }
    },

    async run({ id, method, args, events, asks }) {
      if (!engine) return;
      const tell = (/** @type {string} */ name, /** @type {unknown[]} */ args) =>
        outbox.send({ kind: 'event', id, name, args });
      const ask = (/** @type {string} */ name, /** @type {unknown[]} */ args) =>
        new Promise((resolve, reject) => {
          number += 1;
          questions.get(id)?.set(number, { resolve, reject });
          outbox.send({ kind: 'ask', id, number, name, args });
        });
      const loaded = await engine;
      questions.set(id, new Map());
      const run = loaded.run(method, args, { events: relay(events, tell), asks: relay(asks, ask) });
      runs.set(id, run);
      const outcome = await run.outcome;
      runs.delete(id);
      // Nobody waits for these answers any more.
      for (const { reject } of questions.get(id)?.values() ?? []) reject('the call has ended');
      questions.delete(id);
      const transfer = 'value' in outcome ? transferables(outcome.value) : [];
      outbox.send({ kind: 'done', id, outcome }, transfer);
    },

    answer({ id, number, value, thrown }) {
      const question = questions.get(id)?.get(number);
      questions.get(id)?.delete(number);
      if (thrown === undefined) question?.resolve(value);
      else question?.reject(thrown);
    },

    async cancel({ id }) {
      const stopped = await runs.get(id)?.cancel();
      if (stopped !== undefined) outbox.send({ kind: 'cancelled', id, stopped });
    },

    async release({ key }) {
      (await engine)?.release(key);
    },

    ping() {
      outbox.send({ kind: 'pong' });
    },
  };

  port.addEventListener('message', ({ data }) => {
    if (Array.isArray(data)) for (const message of data) handlers[message?.kind]?.(message);
  });
  outbox.send({ kind: 'hello' });
}

/**
 * Functions of these names that pass their arguments on.
 * @param {string[]} names
 * @param {(name: string, args: unknown[]) => unknown} send
 */
function relay(names, send) {
  return Object.fromEntries(names.map((name) => [name, (/** @type {unknown[]} */ ...args) => send(name, args)]));
}

/**
 * Takes a lock that only the end of this worker releases, so that the page can tell that it ended:
 * there is no event for it. Without locks (insecure contexts) the page has to ask every so often.
 * @returns {Promise<string | null>} the lock's name
 */
function holdLock() {
  const locks = globalThis.navigator?.locks;
  if (!locks) return Promise.resolve(null);
  const name = `gitside:worker:${crypto.randomUUID()}`;
  return new Promise((resolve) => {
    const held = () => {
      resolve(name);
      return new Promise(() => {});
    };
    locks.request(name, held).catch(() => resolve(null));
  });
}

/**
 * The buffers in a result that are worth transferring: a byte array, or those in a list or in the
 * fields of an object.
 * @param {unknown} value
 * @returns {Transferable[]}
 */
function transferables(value, depth = 0) {
  if (value instanceof Uint8Array) {
    const whole = value.byteLength >= TRANSFER_FROM && value.byteLength === value.buffer.byteLength;
    return whole ? [/** @type {ArrayBuffer} */ (value.buffer)] : [];
  }
  if (depth > 3 || typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap((inner) => (typeof inner === 'object' ? transferables(inner, depth + 1) : []));
}

/** How long a worker may take to load before it is given up, in milliseconds. */
const START_LIMIT = 60_000;
/** How long a worker may leave a cancel unanswered before it is taken for stuck. */
const CANCEL_LIMIT = 10_000;
/** How often a worker without a lock is pinged while calls are pending, and how many silences it may keep. */
const PING_EVERY = 250;
const PINGS_MISSED = 40;

/**
 * The calling side: one worker, from its start to its end.
 * @implements {Runner}
 */
export class Session {
  /** @type {Map<number, { resolve: (outcome: Outcome) => void, callbacks: Callbacks, cancelled: ((stopped: boolean) => void)[] }>} */
  #calls = new Map();
  /** Messages that wait for the worker to be ready. @type {{ message: any, refused?: (thrown: unknown) => void }[] | null} */
  #waiting = [];
  /** @type {ErrorData | null} */
  #dead = null;
  #id = 0;
  #missed = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #ended = new AbortController();
  #worker;
  #outbox;
  #wasmUrl;
  #onEnd;

  /**
   * @param {Worker} worker
   * @param {string | undefined} wasmUrl
   * @param {() => void} onEnd called once, when nothing can be run any more
   */
  constructor(worker, wasmUrl, onEnd) {
    this.#worker = worker;
    this.#outbox = new Outbox(worker);
    this.#wasmUrl = wasmUrl;
    this.#onEnd = onEnd;
    const { signal } = this.#ended;
    worker.addEventListener('message', ({ data }) => this.#receive(data), { signal });
    worker.addEventListener('messageerror', () => this.#end(internal('the worker sent what cannot be read')), { signal });
    worker.addEventListener('error', (event) => this.#broke(event), { signal });
    // A page that terminates the worker gets no event for it.
    const terminate = worker.terminate;
    worker.terminate = () => {
      terminate.call(worker);
      this.#end(internal('the worker was terminated', { retryable: true }));
    };
    signal.addEventListener('abort', () => {
      worker.terminate = terminate;
      terminate.call(worker);
    });
    this.#timer = setTimeout(() => {
      this.#end(internal(`the worker did not start within ${START_LIMIT / 1000} seconds`, { hint: START_HINT, retryable: true }));
    }, START_LIMIT);
    this.#start();
  }

  /** @type {Runner['run']} */
  run(method, args, callbacks) {
    const id = (this.#id += 1);
    if (this.#dead) return { outcome: Promise.resolve({ error: this.#dead }), cancel: () => true };
    /** @type {Promise<Outcome>} */
    const outcome = new Promise((resolve) => this.#calls.set(id, { resolve, callbacks, cancelled: [] }));
    const names = (/** @type {object | undefined} */ of) => Object.entries(of ?? {}).flatMap(([name, f]) => (f ? [name] : []));
    const refused = (/** @type {unknown} */ thrown) => this.#settle(id, { error: internal(describe(thrown)) });
    this.#send({ kind: 'run', id, method, args, events: names(callbacks.events), asks: names(callbacks.asks) }, refused);
    this.#watch();
    return { outcome, cancel: () => this.#cancel(id) };
  }

  /** @type {Runner['release']} */
  release(key) {
    if (!this.#dead) this.#send({ kind: 'release', key });
  }

  /** @param {number} id @returns {Promise<boolean>} */
  #cancel(id) {
    const call = this.#calls.get(id);
    if (!call) return Promise.resolve(false);
    if (this.#waiting) {
      // Never sent: nothing has to be stopped.
      this.#waiting = this.#waiting.filter(({ message }) => message.id !== id);
      this.#settle(id, { cancelled: true });
      return Promise.resolve(true);
    }
    this.#send({ kind: 'cancel', id });
    return new Promise((resolve) => {
      const stuck = setTimeout(() => {
        this.#end(internal('the worker did not answer and was stopped', { retryable: true }));
      }, CANCEL_LIMIT);
      call.cancelled.push((stopped) => {
        clearTimeout(stuck);
        resolve(stopped);
      });
    });
  }

  #start() {
    this.#outbox.send({ kind: 'start', wasmUrl: this.#wasmUrl });
  }

  /** @param {any} message @param {(thrown: unknown) => void} [refused] */
  #send(message, refused) {
    if (this.#waiting) this.#waiting.push({ message, refused });
    else this.#outbox.send(message, [], refused);
  }

  /** @param {unknown} messages */
  #receive(messages) {
    this.#missed = 0;
    if (Array.isArray(messages)) for (const message of messages) this.#take(message);
  }

  /** @param {any} message */
  #take(message) {
    switch (message?.kind) {
      case 'hello':
        // A worker that is slow to listen has missed the first one; one start is as good as two.
        if (this.#waiting) this.#start();
        break;
      case 'ready':
        this.#ready(message.lock);
        break;
      case 'failed':
      case 'dead':
        this.#end(message.error);
        break;
      case 'event':
        tell(this.#calls.get(message.id)?.callbacks.events?.[message.name], message.args);
        break;
      case 'ask':
        this.#answer(message);
        break;
      case 'cancelled': {
        const call = this.#calls.get(message.id);
        for (const cancelled of call?.cancelled.splice(0) ?? []) cancelled(message.stopped);
        break;
      }
      case 'done':
        this.#settle(message.id, message.outcome);
        break;
    }
  }

  /** @param {string | null} lock */
  #ready(lock) {
    const waiting = this.#waiting;
    if (!waiting) return;
    this.#waiting = null;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const { message, refused } of waiting) this.#send(message, refused);
    if (lock === null) {
      this.#timer = setInterval(() => this.#ping(), PING_EVERY);
      return;
    }
    const gone = () => this.#end(internal('the worker ended', { retryable: true }));
    navigator.locks.request(lock, { signal: this.#ended.signal }, gone).catch(() => {});
  }

  #watch() {
    if (this.#calls.size === 1) this.#missed = 0;
  }

  #ping() {
    if (this.#calls.size === 0) return;
    this.#missed += 1;
    if (this.#missed > PINGS_MISSED) this.#end(internal('the worker does not answer', { retryable: true }));
    else this.#send({ kind: 'ping' });
  }

  /** @param {{ id: number, number: number, name: string, args: unknown[] }} question */
  async #answer({ id, number, name, args }) {
    const call = this.#calls.get(id);
    const answer = (/** @type {object} */ outcome, /** @type {((thrown: unknown) => void) | undefined} */ refused) => {
      if (!this.#dead) this.#send({ kind: 'answer', id, number, ...outcome }, refused);
    };
    const fail = (/** @type {unknown} */ thrown) => answer({ thrown: describe(thrown) }, undefined);
    try {
      answer({ value: await call?.callbacks.asks?.[name]?.(...args) }, fail);
    } catch (thrown) {
      fail(thrown);
    }
  }

  /** @param {number} id @param {Outcome} outcome */
  #settle(id, outcome) {
    const call = this.#calls.get(id);
    if (!call) return;
    this.#calls.delete(id);
    // It ended before it could be told to stop.
    for (const cancelled of call.cancelled) cancelled(false);
    call.resolve(outcome);
  }

  /** @param {Event} event */
  #broke(event) {
    const message = /** @type {ErrorEvent} */ (event).message;
    event.preventDefault();
    if (this.#waiting) this.#end(internal(`the worker could not be started${message ? `: ${message}` : ''}`, { hint: START_HINT }));
    else this.#end(internal(`the worker failed${message ? `: ${message}` : ''}`, { retryable: true }));
  }

  /** @param {ErrorData} error */
  #end(error) {
    if (this.#dead) return;
    this.#dead = error;
    clearTimeout(this.#timer);
    clearInterval(this.#timer);
    this.#ended.abort();
    this.#onEnd();
    for (const id of [...this.#calls.keys()]) this.#settle(id, { error });
  }
}

const START_HINT =
  "is gitside's worker.js served beside index.js as JavaScript, and does the page's Content-Security-Policy allow it in worker-src? " +
  'the option `worker` can start it another way, or do without';

/**
 * Tells a listener. What it throws is reported as if an event listener had thrown it, and changes
 * nothing here.
 * @param {((...args: any[]) => void) | undefined} listener
 * @param {unknown[]} args
 */
export function tell(listener, args) {
  try {
    listener?.(...args);
  } catch (thrown) {
    if (typeof reportError === 'function') reportError(thrown);
    else console.error(thrown);
  }
}
