// What an application writes, checked and made plain: values that can be sent to a worker, and
// functions that stay here.

import { flag, oneOf, optionalOid, optionalText, remoteOptions, signOf, text, texts } from './options.js';

/** @typedef {import('./index.d.ts').RemoteOptions} RemoteOptions */
/** @typedef {string | Uint8Array} Bytes */

const MODES = ['100644', '100755', '120000', '040000', '160000'];
const CLEANUPS = ['verbatim', 'whitespace', 'strip', 'scissors'];

/** @param {string} name @param {unknown} value @returns {Bytes} */
export function bytes(name, value) {
  if (typeof value === 'string' || value instanceof Uint8Array) return value;
  throw new TypeError(`${name} must be a string or a Uint8Array`);
}

/** @param {Record<string, any>} options @param {string} name @returns {Bytes | undefined} */
export function optionalBytes(options, name) {
  return options[name] === undefined ? undefined : bytes(name, options[name]);
}

/**
 * All bytes of what is written as a file.
 * @param {string} name
 * @param {unknown} data
 * @returns {Promise<Uint8Array>}
 */
export async function content(name, data) {
  if (typeof data === 'string') return new TextEncoder().encode(data);
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (data instanceof Blob) return new Uint8Array(await data.arrayBuffer());
  if (data instanceof ReadableStream) return new Uint8Array(await new Response(data).arrayBuffer());
  throw new TypeError(`${name} must be a string, a buffer, a Blob or a ReadableStream`);
}

/**
 * The bytes of something large, piece by piece: `piece` resolves with the next, an empty one at the end,
 * and `end` says that no more are wanted.
 * @param {Blob | ReadableStream<Uint8Array>} data
 */
export function pieces(data) {
  const reader = (data instanceof Blob ? data.stream() : data).getReader();
  return {
    async piece() {
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return new Uint8Array();
        if (!(value instanceof Uint8Array)) throw new TypeError('data must be a stream of Uint8Arrays');
        if (value.length > 0) return value;
      }
    },
    end: () => void reader.cancel().catch(() => {}),
  };
}

/** @param {string} name @param {any} value */
export function object(name, value) {
  if (typeof value === 'object' && value !== null) return value;
  throw new TypeError(`${name} must be an object`);
}

/**
 * @param {Record<string, any>} options
 * @param {string} name
 */
export function person(options, name) {
  if (options[name] === undefined) return undefined;
  const { name: called, email, timestamp, tz } = object(name, options[name]);
  if (timestamp !== undefined && !Number.isSafeInteger(timestamp)) {
    throw new TypeError(`${name}.timestamp must be a whole number of seconds`);
  }
  const zone = tz === undefined ? undefined : text(`${name}.tz`, tz);
  return { name: bytes(`${name}.name`, called), email: bytes(`${name}.email`, email), timestamp, tz: zone };
}

/** What clocks show here, as the offset from UTC: a sign, hours, minutes. */
function zone() {
  const minutes = -new Date().getTimezoneOffset();
  const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
  const digits = (/** @type {number} */ number) => String(number).padStart(2, '0');
  return `${minutes < 0 ? '-' : '+'}${digits(hours)}${digits(rest)}`;
}

/**
 * How a call talks to the remote, where it has to fetch first, and who signs.
 * @param {any} options of the object
 * @param {RemoteOptions} remote
 */
export function callbacksOf(options, remote) {
  const made = remoteOptions(remote);
  const callbacks = { ...made.callbacks, asks: { ...made.callbacks.asks, sign: signOf(options) } };
  return { remote: made.plain, callbacks, signal: made.signal };
}

/**
 * What commits and tags have in common.
 * @param {any} options
 */
export function authored(options) {
  return {
    cleanup: oneOf(options, 'cleanup', CLEANUPS),
    tz: zone(),
  };
}

/** @param {Iterable<any>} entries */
export function treeEntries(entries) {
  return Array.from(entries, (entry) => {
    const { path, pathBytes, mode, oid } = object('each entry', entry);
    return { path: bytes('path', pathBytes ?? path), mode: modeOf(mode), oid: text('oid', oid) };
  });
}

/** @param {unknown} mode */
function modeOf(mode) {
  if (MODES.includes(/** @type {string} */ (mode))) return mode;
  throw new TypeError(`mode must be one of ${MODES.join(', ')}`);
}

/** @param {import('./index.d.ts').NewCommit} commit @param {RemoteOptions} remote */
export function newCommit(commit, remote) {
  const options = /** @type {any} */ (object('the commit', commit));
  const plain = {
    ...authored(options),
    tree: text('tree', options.tree),
    parents: texts(options, 'parents'),
    author: person(options, 'author'),
    committer: person(options, 'committer'),
    message: bytes('message', options.message),
    encoding: optionalText(options, 'encoding'),
  };
  return { plain, ...callbacksOf(options, remote) };
}

/** @param {import('./index.d.ts').NewTag} tag @param {RemoteOptions} remote */
export function newTag(tag, remote) {
  const options = /** @type {any} */ (object('the tag', tag));
  const plain = {
    ...authored(options),
    object: text('object', options.object),
    name: text('name', options.name),
    tagger: person(options, 'tagger'),
    message: bytes('message', options.message),
  };
  return { plain, ...callbacksOf(options, remote) };
}

/** @param {import('./index.d.ts').CommitOptions} commit @param {RemoteOptions} remote */
export async function commitOptions(commit, remote) {
  const options = /** @type {any} */ (object('the commit', commit));
  const { changes = [] } = options;
  const plain = {
    ...authored(options),
    message: optionalBytes(options, 'message'),
    encoding: optionalText(options, 'encoding'),
    author: person(options, 'author'),
    committer: person(options, 'committer'),
    parents: texts(options, 'parents'),
    base: optionalText(options, 'base'),
    amend: flag(options, 'amend'),
    allowEmpty: flag(options, 'allowEmpty'),
    allowEmptyMessage: flag(options, 'allowEmptyMessage'),
    expect: optionalOid(options, 'expect'),
    changes: await Promise.all(Array.from(changes, changeOf)),
  };
  return { plain, ...callbacksOf(options, remote) };
}

/** @param {any} change */
async function changeOf(change) {
  const given = object('each change', change);
  const path = bytes('path', given.path);
  const mode = given.mode === undefined ? undefined : modeOf(given.mode);
  const ways = ['content', 'oid', 'delete', 'rename'].filter((way) => given[way] !== undefined);
  if (ways.length > 1) throw new TypeError(`content, oid, delete and rename are alternatives: ${ways.join(', ')}`);
  const [way] = ways;
  switch (way) {
    case 'content':
      return { path, mode, content: await content('content', given.content) };
    case 'oid':
      return { path, mode: modeOf(given.mode), oid: text('oid', given.oid) };
    case 'delete':
      if (given.delete !== true) throw new TypeError('delete must be true');
      return { path, delete: true };
    case 'rename':
      return { path, rename: bytes('rename', given.rename) };
    default:
      return { path, mode: modeOf(given.mode) };
  }
}

/** @param {string} name @param {string} object @param {import('./index.d.ts').TagOptions & RemoteOptions} options */
export function tagOptions(name, object, options) {
  const given = /** @type {any} */ (options);
  const plain = {
    ...authored(given),
    object,
    name,
    tagger: person(given, 'tagger'),
    message: optionalBytes(given, 'message'),
    force: flag(given, 'force'),
  };
  return { plain, ...callbacksOf(given, options) };
}

/** @param {Iterable<any>} updates */
export function refUpdates(updates) {
  return Array.from(updates, (update) => {
    const given = object('each update', update);
    if ((given.new === undefined) === (given.symbolic === undefined)) throw new TypeError('an update has either new or symbolic');
    return {
      name: text('name', given.name),
      old: optionalOid(given, 'old'),
      new: optionalOid(given, 'new'),
      symbolic: optionalText(given, 'symbolic'),
      noDeref: flag(given, 'noDeref'),
    };
  });
}
