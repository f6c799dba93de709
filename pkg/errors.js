// The one error class, and the plain data it is made of: errors are built in the engine, cross the
// worker as data, and become objects again on the caller's thread.

/**
 * What an error is made of, as it crosses the worker.
 * @typedef {object} ErrorData
 * @property {string} code
 * @property {string} phase
 * @property {string} message
 * @property {string} [url]
 * @property {number} [status]
 * @property {string} [remoteText]
 * @property {string} [hint]
 * @property {boolean} [retryable]
 * @property {Record<string, unknown>} [data]
 */

/** @implements {Pick<import('./index.d.ts').GitError, 'code' | 'phase'>} */
export class GitError extends Error {
  /** @param {ErrorData} data */
  constructor(data) {
    super(data.hint === undefined ? data.message : `${data.message} (${data.hint})`);
    this.code = /** @type {import('./index.d.ts').GitErrorCode} */ (data.code);
    this.phase = data.phase;
    this.url = data.url;
    this.status = data.status;
    this.remoteText = data.remoteText;
    this.hint = data.hint;
    this.retryable = data.retryable ?? false;
    // Names of details come from the engine, never from a repository or a server.
    this.data = Object.freeze({ ...data.data });
  }
}
// On the prototype, so that it is no enumerable property of each error.
Object.defineProperty(GitError.prototype, 'name', { value: 'GitError', configurable: true, writable: true });

/**
 * A fault of this library, or of what it runs on.
 * @param {string} message
 * @param {{ hint?: string, retryable?: boolean, data?: Record<string, unknown> }} [more]
 * @returns {ErrorData}
 */
export function internal(message, more = {}) {
  return { code: 'Internal', phase: 'request', message, ...more };
}

/**
 * Whatever was thrown, as words.
 * @param {unknown} thrown
 * @returns {string}
 */
export function describe(thrown) {
  if (thrown instanceof Error) return `${thrown.name}: ${thrown.message}`;
  return String(thrown);
}
