// isomorphic-git in a Worker, on LightningFS (IndexedDB), with one `cache` object for all calls, as
// its documentation recommends for speed. Nothing is checked out.

const AT_ONCE = 64;
const dir = '/bench';
const who = { name: 'bench', email: 'bench@example.org' };

/** The `Buffer` that its documentation says to provide: three CommonJS files. */
async function buffer() {
  const files = { buffer: 'buffer/index.js', 'base64-js': 'base64-js/index.js', ieee754: 'ieee754/index.js' };
  /** @type {Record<string, any>} */
  const modules = {};
  for (const [name, file] of Object.entries(files).reverse()) {
    const source = await (await fetch(`/peers/${file}`)).text();
    const module = { exports: {} };
    new Function('module', 'exports', 'require', source)(module, module.exports, (/** @type {string} */ name) => modules[name]);
    modules[name] = module.exports;
  }
  return modules.buffer.Buffer;
}

export async function make() {
  Object.assign(globalThis, { Buffer: await buffer() });
  await import(/** @type {any} */ ('/peers/@isomorphic-git/lightning-fs/dist/lightning-fs.min.js'));
  await import(/** @type {any} */ ('/peers/isomorphic-git/index.umd.min.js'));
  await import(/** @type {any} */ ('/peers/isomorphic-git/http/web/index.umd.js'));
  const { git, GitHttp: http, LightningFS } = /** @type {any} */ (globalThis);
  const fs = new LightningFS('bench');
  let cache = {};
  const head = () => git.resolveRef({ fs, dir, ref: 'HEAD' });

  const client = {
    async init() {},

    async clone(/** @type {{ url: string, depth?: number }} */ { url, depth }) {
      await git.clone({ fs, http, dir, url, noCheckout: true, singleBranch: depth !== undefined, depth, cache });
      // What it keeps in memory for half a second, to be written at once.
      await fs.promises.flush();
    },

    async open() {
      cache = {};
    },

    async read(/** @type {{ path: string }} */ { path }) {
      const { blob } = await git.readBlob({ fs, dir, oid: await head(), filepath: path, cache });
      return `${blob.length}`;
    },

    coldRead: (/** @type {{ path: string }} */ args) => client.read(args),

    async log(/** @type {{ limit: number }} */ { limit }) {
      return `${(await git.log({ fs, dir, ref: 'HEAD', depth: limit, cache })).length}`;
    },

    /** Without the simplification of history, so it tells of more commits than git does. */
    async pathLog(/** @type {{ path: string }} */ { path }) {
      await git.log({ fs, dir, ref: 'HEAD', filepath: path, force: true, cache });
    },

    async mergeBase(/** @type {{ a: string, b: string }} */ { a, b }) {
      return (await git.findMergeBase({ fs, dir, oids: [a, b], cache })).sort().join(' ');
    },

    async tree() {
      let count = 0;
      const map = async (/** @type {string} */ _, /** @type {any[]} */ [entry]) => {
        if ((await entry.type()) !== 'tree') count += 1;
      };
      await git.walk({ fs, dir, trees: [git.TREE({ ref: 'HEAD' })], map: async (/** @type {string} */ path, /** @type {any[]} */ entries) => (await map(path, entries), true), cache });
      return `${count}`;
    },

    async blobs(/** @type {{ oids: string[] }} */ { oids }) {
      let total = 0;
      const left = oids.values();
      const reader = async () => {
        for (const oid of left) {
          const { blob } = await git.readBlob({ fs, dir, oid, cache });
          total += blob.length;
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, reader));
      return `${oids.length} ${total}`;
    },

    /** Without renames, which it does not tell. */
    async diff(/** @type {{ releases: [string, string] }} */ { releases }) {
      const map = async (/** @type {string} */ path, /** @type {any[]} */ [before, after]) => {
        if ((await before?.oid()) === (await after?.oid())) return null;
        return (await (before ?? after).type()) === 'tree' ? [] : [path];
      };
      const reduce = async (/** @type {any} */ parent, /** @type {any[]} */ children) => [...(parent ?? []), ...children.filter(Boolean).flat()];
      await git.walk({ fs, dir, trees: releases.map((ref) => git.TREE({ ref })), map, reduce, cache });
    },

    async fetch() {
      await git.fetch({ fs, http, dir, remote: 'origin', cache });
    },

    async push(/** @type {{ path: string, branch: string, content: string }} */ { path, branch, content }) {
      const parent = await head();
      const names = path.split('/');
      const trees = [];
      for (let at = 0; at < names.length; at += 1) {
        trees.push((await git.readTree({ fs, dir, oid: parent, filepath: names.slice(0, at).join('/') || undefined, cache })).tree);
      }
      let oid = await git.writeBlob({ fs, dir, blob: new TextEncoder().encode(content) });
      for (const name of names.reverse()) {
        const tree = trees.pop().map((/** @type {{ path: string }} */ entry) => (entry.path === name ? { ...entry, oid } : entry));
        oid = await git.writeTree({ fs, dir, tree });
      }
      await git.commit({ fs, dir, message: 'new', author: who, ref: `refs/heads/${branch}`, parent: [parent], tree: oid, cache });
      const { ok } = await git.push({ fs, http, dir, remote: 'origin', ref: branch, cache });
      if (!ok) throw new Error('the server did not take it');
    },
  };
  return client;
}
