// Records what is sent and answered, if the reader asked for that, to be copied with an error's
// details. The engine leaves out everything that is secret before it tells.

/** @typedef {import('../../pkg/index.js').TraceEvent} TraceEvent */

/** Events that are kept: the first ones say what was agreed on, the last ones what went wrong. */
const FIRST = 200;
const LAST = 800;

const KEY = 'record-requests';

/** Whether requests are to be recorded; for as long as this tab lives. */
export function isRecording() {
  return sessionStorage.getItem(KEY) === 'yes';
}

/** @param {boolean} on */
export function setRecording(on) {
  if (on) sessionStorage.setItem(KEY, 'yes');
  else sessionStorage.removeItem(KEY);
}

/** One call's record. */
export class Recording {
  /** @type {string[]} */
  #first = [];
  /** @type {string[]} */
  #last = [];
  #dropped = 0;

  /** @param {TraceEvent} event */
  add({ at, kind, text }) {
    const line = `${(at / 1000).toFixed(3).padStart(9)}s ${kind}: ${text.trimEnd().replaceAll('\n', '\n           ')}`;
    if (this.#first.length < FIRST) {
      this.#first.push(line);
      return;
    }
    this.#last.push(line);
    if (this.#last.length <= LAST) return;
    this.#last.shift();
    this.#dropped += 1;
  }

  text() {
    const gap = this.#dropped ? [`           … ${this.#dropped} events left out …`] : [];
    return [...this.#first, ...gap, ...this.#last].join('\n');
  }
}

/** @type {WeakMap<object, Recording>} */
const recordings = new WeakMap();

/** What was recorded until this error came, if anything. @param {unknown} error */
export function recordingOf(error) {
  return typeof error === 'object' && error !== null ? recordings.get(error) : undefined;
}

/**
 * Makes a call with the option `trace`, if the reader wants that, and keeps the record with the
 * error it ends with.
 * @template T
 * @param {(options: { trace?: (event: TraceEvent) => void }) => Promise<T>} call
 * @returns {Promise<T>}
 */
export async function recorded(call) {
  if (!isRecording()) return call({});
  const recording = new Recording();
  try {
    return await call({ trace: (event) => recording.add(event) });
  } catch (error) {
    if (typeof error === 'object' && error !== null) recordings.set(error, recording);
    throw error;
  }
}

