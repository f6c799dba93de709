// Brings a client into this page, and times what it does.

/** @typedef {Record<string, (args?: any) => Promise<any>>} Client */

/** @param {string} name @param {object} options @returns {Promise<Client>} */
async function start(name, options) {
  if (name === 'gitside') return /** @type {any} */ ((await import('./gitside.js')).make(options));
  // The others run on the thread that calls them: that is to be a Worker.
  const worker = new Worker(new URL(`worker.js?${name}`, import.meta.url), { type: 'module' });
  let last = 0;
  /** @type {Map<number, { resolve: (value: any) => void, reject: (error: Error) => void }>} */
  const waiting = new Map();
  worker.onerror = ({ message }) => waiting.forEach(({ reject }) => reject(new Error(message || 'the Worker failed')));
  worker.onmessage = ({ data: { id, error, value } }) => {
    const { resolve, reject } = waiting.get(id) ?? {};
    waiting.delete(id);
    if (error === undefined) resolve?.(value);
    else reject?.(new Error(error));
  };
  const call = (/** @type {string} */ operation, /** @type {any} */ args) =>
    new Promise((resolve, reject) => {
      waiting.set((last += 1), { resolve, reject });
      worker.postMessage({ id: last, operation, args });
    });
  const operations = /** @type {string[]} */ (await call('', options));
  return Object.fromEntries(operations.map((operation) => [operation, (args) => call(operation, args)]));
}

/** @param {string} name @param {object} options */
export async function load(name, options) {
  const client = await start(name, options);
  const operation = (/** @type {string} */ id) => client[id] ?? (() => Promise.reject(new Error(`${name} cannot ${id}`)));
  /** @type {object | undefined} */
  let kept;
  return {
    can: Object.keys(client),

    /** Has arguments ready in the page: thousands of ids take their time to get there. @param {object} args */
    async keep(args) {
      kept = args;
    },

    /** Resolves with what it answered, and how many milliseconds that took. @param {string} id @param {object} [args] those that were kept */
    async time(id, args = kept) {
      const start = performance.now();
      const value = await operation(id)(args);
      return { ms: performance.now() - start, value };
    },

    /**
     * Aborts after `after` milliseconds. Resolves with how long the call went on from then on; not at
     * all if it was done before.
     * @param {string} id @param {object} args @param {number} after
     */
    async abort(id, args, after) {
      const controller = new AbortController();
      const reason = new Error('enough');
      let aborted = 0;
      const timer = setTimeout(() => {
        aborted = performance.now();
        controller.abort(reason);
      }, after);
      try {
        await operation(id)({ ...args, signal: controller.signal });
      } catch (error) {
        if (error !== reason) throw error;
        return { answered: performance.now() - aborted };
      } finally {
        clearTimeout(timer);
      }
      return aborted ? { ended: performance.now() - aborted } : {};
    },

    /** What was read from IndexedDB so far, by a Worker that watches. */
    async reads() {
      const channel = new BroadcastChannel('gitside-bench');
      const answer = new Promise((resolve) => {
        channel.onmessage = ({ data }) => data !== 'reads?' && resolve(data);
      });
      channel.postMessage('reads?');
      const reads = await answer;
      channel.close();
      return /** @type {{ rows: number, requests: number }} */ (reads);
    },

    /** Bytes that this origin stores. */
    async stored() {
      return (await navigator.storage.estimate()).usage ?? 0;
    },
  };
}
