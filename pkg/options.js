// The caller's options, checked and made plain: values that can be sent to a worker, and functions
// that stay here.

/** @typedef {import('./index.d.ts').RemoteOptions} RemoteOptions */
/** @typedef {import('./index.d.ts').CloneOptions} CloneOptions */
/** @typedef {import('./index.d.ts').FetchOptions} FetchOptions */
/** @typedef {import('./index.d.ts').Progress} Progress */
/** @typedef {import('./index.d.ts').Credentials} Credentials */

/**
 * @param {string} name
 * @param {unknown} value
 * @returns {string}
 */
export function text(name, value) {
  if (typeof value !== 'string') throw new TypeError(`${name} must be a string`);
  return value;
}

/** The longest name of a repository, in UTF-16 code units. */
const LONGEST_NAME = 1024;

/**
 * The name of a repository. Text with half of a surrogate pair cannot be stored: two such names
 * would be one.
 * @param {unknown} value
 * @returns {string}
 */
export function repositoryName(value) {
  const name = text('name', value);
  if (name === '') throw new TypeError('name must not be empty');
  if (name.length > LONGEST_NAME) throw new TypeError(`name must not be longer than ${LONGEST_NAME}`);
  if (/\p{Surrogate}/u.test(name)) throw new TypeError('name must be well-formed text');
  return name;
}

/**
 * @param {Record<string, any>} options
 * @param {string} name
 * @returns {string | undefined}
 */
export function optionalText(options, name) {
  return options[name] === undefined ? undefined : text(name, options[name]);
}

/**
 * @param {string} name
 * @param {unknown} value
 * @returns {string | null}
 */
export function textOrNull(name, value) {
  if (value === null || typeof value === 'string') return value;
  throw new TypeError(`${name} must be a string or null`);
}

/** An object id. */
const OID = /^[0-9a-f]{40}$/;

/**
 * @param {string} name
 * @param {unknown} value
 * @returns {string | null}
 */
export function oidOrNull(name, value) {
  if (value === null || (typeof value === 'string' && OID.test(value))) return value;
  throw new TypeError(`${name} must be an oid (40 hex digits; resolve turns names into them) or null`);
}

/**
 * @param {Record<string, any>} options
 * @param {string} name
 * @returns {string | null | undefined}
 */
export function optionalOid(options, name) {
  return options[name] === undefined ? undefined : oidOrNull(name, options[name]);
}

/**
 * @param {Record<string, any>} options
 * @param {string} name
 * @param {readonly string[]} words
 * @returns {string | undefined}
 */
export function oneOf(options, name, words) {
  const value = options[name];
  if (value === undefined || words.includes(value)) return value;
  throw new TypeError(`${name} must be one of ${words.join(', ')}`);
}

/**
 * @param {Record<string, any>} options
 * @param {string} name
 * @returns {boolean | undefined}
 */
export function flag(options, name) {
  const value = options[name];
  if (value === undefined || typeof value === 'boolean') return value;
  throw new TypeError(`${name} must be true or false`);
}

/**
 * @param {Record<string, any>} options
 * @param {string} name
 * @param {number} least
 * @returns {number | undefined}
 */
export function whole(options, name, least) {
  const value = options[name];
  // The largest is git's own infinite depth.
  if (value === undefined || (Number.isSafeInteger(value) && value >= least && value <= 0x7fffffff)) return value;
  throw new TypeError(`${name} must be a whole number from ${least} to 2147483647`);
}

/**
 * @param {Record<string, any>} options
 * @param {string} name
 * @returns {number | undefined}
 */
function byteCount(options, name) {
  const value = options[name];
  if (value === undefined || (Number.isSafeInteger(value) && value >= 0)) return value;
  throw new TypeError(`${name} must be a whole number of bytes`);
}

/**
 * @param {Record<string, any>} options
 * @param {string} name
 * @returns {number | undefined} seconds since 1970
 */
export function date(options, name) {
  const value = options[name];
  if (value === undefined) return undefined;
  const seconds = value instanceof Date ? Math.floor(value.getTime() / 1000) : NaN;
  if (!Number.isSafeInteger(seconds)) throw new TypeError(`${name} must be a valid Date`);
  return seconds;
}

/**
 * @param {Record<string, any>} options
 * @param {string} name
 * @returns {string[] | undefined}
 */
export function texts(options, name) {
  const value = options[name];
  if (value === undefined) return undefined;
  if (!Array.isArray(value)) throw new TypeError(`${name} must be an array of strings`);
  return value.map((item) => text(`each of ${name}`, item));
}

/**
 * @template {Function} F
 * @param {Record<string, any>} options
 * @param {string} name
 * @returns {F | undefined}
 */
export function listener(options, name) {
  const value = options[name];
  if (value === undefined || typeof value === 'function') return value;
  throw new TypeError(`${name} must be a function`);
}

/**
 * @param {{ signal?: AbortSignal }} options
 * @returns {AbortSignal | undefined}
 */
export function signalOf({ signal }) {
  if (signal === undefined || signal instanceof AbortSignal) return signal;
  throw new TypeError('signal must be an AbortSignal');
}

/** @param {import('./index.d.ts').StoreOptions} options */
export function storageOf(options) {
  return oneOf(options, 'storage', ['indexeddb', 'memory']) ?? 'indexeddb';
}

/** @param {import('./index.d.ts').DiffOptions} options */
export function diffOptions(options) {
  const { renames = true, copies = false } = options;
  if (typeof renames !== 'boolean' && !(Number.isInteger(renames) && renames >= 1 && renames <= 100)) {
    throw new TypeError('renames must be true, false, or a whole number from 1 to 100');
  }
  if (typeof copies !== 'boolean' && copies !== 'all') throw new TypeError("copies must be true, false or 'all'");
  return {
    paths: texts(options, 'paths'),
    renames,
    copies: copies === true ? 'changed' : copies || undefined,
    renameLimit: whole(options, 'renameLimit', 0),
  };
}

/** @param {import('./index.d.ts').DiffBlobsOptions} options */
export function diffBlobsOptions(options) {
  const { ignoreWhitespace = false } = options;
  return {
    context: whole(options, 'context', 0),
    algorithm: oneOf(options, 'algorithm', ['myers', 'histogram']),
    ignoreWhitespace:
      typeof ignoreWhitespace === 'boolean'
        ? (ignoreWhitespace ? 'all' : undefined)
        : oneOf(options, 'ignoreWhitespace', ['all', 'change', 'at-eol', 'cr-at-eol']),
  };
}

/**
 * What is common to all that talk to a remote.
 * @param {RemoteOptions} options
 */
export function remoteOptions(options) {
  const proxy = proxyOf(options.corsProxy);
  const credentials = listener(options, 'credentials');
  const onCredentials = listener(options, 'onCredentials');
  const onProgress = listener(options, 'onProgress');
  const onMessage = listener(options, 'onMessage');
  const onWarning = listener(options, 'onWarning');
  const trace = listener(options, 'trace');
  const { protocolVersion } = options;
  if (![undefined, 0, 1, 2].includes(protocolVersion)) throw new TypeError('protocolVersion must be 0, 1 or 2');
  const plain = {
    headers: options.headers === undefined ? [] : [...new Headers(options.headers)],
    protocolVersion,
    corsProxy: proxy?.plain,
    serverOptions: texts(options, 'serverOptions'),
    retry: retryOf(options.retry),
  };
  /** @type {import('./rpc.js').Callbacks} */
  const callbacks = {
    events: {
      progress: onProgress && ((phase, loaded, total, bytes) => onProgress(progress(phase, loaded, total, bytes))),
      message: onMessage && ((text) => onMessage(text)),
      warning: onWarning && ((text) => onWarning(text)),
      trace: trace && ((at, kind, text) => trace({ at, kind, text })),
      credentialsOutcome: onCredentials && ((outcome, login, url) => onCredentials(outcome, login, url)),
    },
    asks: {
      credentials: credentials && (async (challenge) => loginOf(await credentials(challenge))),
      corsProxy: proxy?.rewrite && (async (url) => String(await proxy.rewrite?.(new URL(url)))),
    },
  };
  return { plain, callbacks, signal: signalOf(options) };
}

/**
 * What a repository object remembers, in memory alone, of the options it was made with, for its later
 * calls that talk to the remote.
 * @param {RemoteOptions} options
 * @returns {RemoteOptions}
 */
export function rememberedOf(options) {
  const { credentials, onCredentials, corsProxy, headers, protocolVersion, serverOptions, retry } = options;
  const { onMessage, onWarning, trace } = options;
  return { credentials, onCredentials, corsProxy, headers, protocolVersion, serverOptions, retry, onMessage, onWarning, trace };
}

/**
 * @param {RemoteOptions['retry']} retry
 * @returns {RemoteOptions['retry']}
 */
function retryOf(retry) {
  if (retry === undefined) return undefined;
  if (typeof retry !== 'object' || retry === null) throw new TypeError('retry must be an object');
  return { max: whole(retry, 'max', 0), maxSeconds: whole(retry, 'maxSeconds', 0) };
}

/** @param {CloneOptions} options */
export function cloneOptions(options) {
  const remote = remoteOptions(options);
  const plain = {
    ...remote.plain,
    depth: whole(options, 'depth', 1),
    since: date(options, 'since'),
    exclude: texts(options, 'exclude'),
    ref: optionalText(options, 'ref'),
    singleBranch: flag(options, 'singleBranch'),
    tags: oneOf(options, 'tags', ['follow', 'all', 'none']),
    remoteName: optionalText(options, 'remoteName'),
    mirror: flag(options, 'mirror'),
    filter: optionalText(options, 'filter'),
  };
  return { ...remote, plain };
}

/** @param {FetchOptions} options */
export function fetchOptions(options) {
  const remote = remoteOptions(options);
  const plain = {
    ...remote.plain,
    remote: optionalText(options, 'remote'),
    refspecs: texts(options, 'refspecs'),
    depth: whole(options, 'depth', 1),
    deepen: whole(options, 'deepen', 1),
    since: date(options, 'since'),
    exclude: texts(options, 'exclude'),
    unshallow: flag(options, 'unshallow'),
    updateShallow: flag(options, 'updateShallow'),
    filter: optionalText(options, 'filter'),
    refetch: flag(options, 'refetch'),
    tags: oneOf(options, 'tags', ['follow', 'all', 'none']),
    prune: flag(options, 'prune'),
    pruneTags: flag(options, 'pruneTags'),
    force: flag(options, 'force'),
    atomic: flag(options, 'atomic'),
    updateHead: flag(options, 'updateHead'),
    dryRun: flag(options, 'dryRun'),
  };
  const { depth, deepen, unshallow, since, exclude } = plain;
  const ways = [depth !== undefined, deepen !== undefined, unshallow === true, since !== undefined || exclude !== undefined];
  if (ways.filter(Boolean).length > 1) throw new TypeError('depth, deepen, unshallow, and since with exclude are alternatives');
  return { ...remote, plain };
}

/** @param {import('./index.d.ts').PushOptions} options */
export function pushOptions(options) {
  const remote = remoteOptions(options);
  const beforePush = listener(options, 'beforePush');
  const { warnAbove = {} } = options;
  if (typeof warnAbove !== 'object' || warnAbove === null) throw new TypeError('warnAbove must be an object');
  const plain = {
    ...remote.plain,
    remote: optionalText(options, 'remote'),
    refspecs: texts(options, 'refspecs'),
    all: flag(options, 'all'),
    tags: flag(options, 'tags'),
    followTags: flag(options, 'followTags'),
    mirror: flag(options, 'mirror'),
    prune: flag(options, 'prune'),
    delete: flag(options, 'delete'),
    force: flag(options, 'force'),
    expect: leasesOf(options.expect),
    forceIfIncludes: flag(options, 'forceIfIncludes'),
    atomic: flag(options, 'atomic'),
    setUpstream: flag(options, 'setUpstream'),
    pushOptions: texts(options, 'pushOptions'),
    signed: oneOf(options, 'signed', ['if-asked']),
    compression: levelOf(whole(options, 'compression', 0)),
    warnAboveFile: byteCount(warnAbove, 'file'),
    warnAbovePush: byteCount(warnAbove, 'push'),
    dryRun: flag(options, 'dryRun'),
  };
  /** @type {NonNullable<import('./rpc.js').Callbacks['asks']>} */
  const asks = {
    ...remote.callbacks.asks,
    sign: signOf(options),
    beforePush: beforePush && (async (/** @type {any} */ about) => (await beforePush(about)) !== false),
  };
  return { ...remote, plain, callbacks: { ...remote.callbacks, asks } };
}

/** @param {import('./index.d.ts').PushOutcomeOptions} options */
export function pushOutcomeOptions(options) {
  const remote = remoteOptions(options);
  return { ...remote, plain: { ...remote.plain, remote: optionalText(options, 'remote') } };
}

/**
 * @param {number | undefined} level
 * @returns {number | undefined}
 */
function levelOf(level) {
  if (level === undefined || level <= 9) return level;
  throw new TypeError('compression must be a whole number from 0 to 9');
}

/**
 * What refs must be, as pairs; `true`: all of them as their tracking refs.
 * @param {import('./index.d.ts').PushOptions['expect']} expect
 */
function leasesOf(expect) {
  if (expect === undefined || typeof expect === 'boolean') return expect;
  if (typeof expect !== 'object' || expect === null) throw new TypeError('expect must be an object, or true');
  const pairs = Object.entries(expect);
  for (const [name, value] of pairs) if (value !== true) oidOrNull(`expect['${name}']`, value);
  return pairs;
}

/**
 * Who signs commits, tags and pushes.
 * @param {Record<string, any>} options
 * @returns {((payload: Uint8Array) => Promise<string>) | undefined}
 */
export function signOf(options) {
  const sign = listener(options, 'sign');
  return sign && (async (payload) => text('the signature that sign answers', await sign(payload)));
}

/**
 * What is not known of a push, by URL.
 * @param {Parameters<import('./index.d.ts').Repository['pushOutcome']>[0]} push
 */
export function questionsOf(push) {
  /** @type {Map<string | undefined, Array<{ name: string, old: string | null, new: string | null }>>} */
  const questions = new Map();
  for (const { url, name, old, new: wanted, kind, code } of push.updates) {
    if (kind !== undefined && kind !== 'unknown' && code !== 'PushStatusMissing') continue;
    const question = { name: text('name', name), old: oidOrNull('old', old), new: oidOrNull('new', wanted) };
    questions.set(url, [...(questions.get(url) ?? []), question]);
  }
  return questions;
}

/** @param {import('./index.d.ts').GcOptions} options */
export function gcOptions(options) {
  const onProgress = listener(options, 'onProgress');
  const onWarning = listener(options, 'onWarning');
  const forever = options.grace === Infinity;
  /** @type {import('./rpc.js').Callbacks} */
  const callbacks = {
    events: {
      progress: onProgress && ((phase, loaded, total, bytes) => onProgress(progress(phase, loaded, total, bytes))),
      warning: onWarning && ((text) => onWarning(text)),
    },
    asks: {},
  };
  const plain = { forever, grace: forever ? undefined : whole(options, 'grace', 0) };
  return { plain, callbacks, signal: signalOf(options) };
}

/**
 * @param {RemoteOptions['corsProxy']} proxy
 * @returns {{ plain: { url?: string, credentials: boolean }, rewrite?: (url: URL) => unknown } | undefined}
 */
function proxyOf(proxy) {
  if (proxy === undefined) return undefined;
  const whole = typeof proxy === 'object' && proxy !== null ? proxy : { url: proxy, credentials: false };
  const { url, credentials } = whole;
  const plain = { credentials: credentials === true };
  if (typeof url === 'string') return { plain: { ...plain, url } };
  if (typeof url === 'function') return { plain, rewrite: url };
  throw new TypeError('corsProxy must be a string, a function, or an object with one of them as its url');
}

/**
 * A login as data, whatever object the caller's store keeps it in.
 * @param {any} login
 * @returns {Credentials | undefined}
 */
function loginOf(login) {
  if (login === undefined || login === null) return undefined;
  const { username, password, bearer, authorization } = login;
  if (typeof username === 'string' && typeof password === 'string') return { username, password };
  if (typeof bearer === 'string') return { bearer };
  if (typeof authorization === 'string') return { authorization };
  throw new TypeError('credentials must answer { username, password }, { bearer }, { authorization } or undefined');
}

/**
 * @param {string} phase
 * @param {number} loaded
 * @param {number | undefined} total
 * @param {number | undefined} bytes
 */
function progress(phase, loaded, total, bytes) {
  /** @type {Record<string, unknown>} */
  const progress = { phase, loaded };
  if (total !== undefined) progress.total = total;
  if (bytes !== undefined) progress.bytes = bytes;
  return /** @type {Progress} */ (/** @type {unknown} */ (progress));
}
