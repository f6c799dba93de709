// gitside, used from a page as anybody would.

/** How many reads are under way at the same time. */
const AT_ONCE = 64;

/** @param {{ worker?: boolean | 'watched' }} [options] `watched`: `../worker.js` */
export async function make({ worker = true } = {}) {
  const gitside = await import(/** @type {any} */ ('/pkg/index.js'));
  const watched = () => new Worker('/bench/worker.js', { type: 'module' });
  const engine = { worker: worker === 'watched' ? watched : worker };
  /** @type {any} */
  let repo;

  const client = {
    /** Compiles the module, and touches no storage. */
    async init() {
      for await (const _ of gitside.list({ ...engine, storage: 'memory' }));
    },

    async clone(/** @type {{ url: string, depth?: number, filter?: string, signal?: AbortSignal }} */ { url, ...options }) {
      repo = await gitside.clone(url, 'bench', { ...engine, ...options });
    },

    async open() {
      repo = await gitside.open('bench', engine);
    },

    async read(/** @type {{ path: string, signal?: AbortSignal }} */ { path, signal }) {
      const blob = await repo.blob('HEAD', path, { signal });
      return `${(await blob.bytes({ signal })).length}`;
    },

    async coldRead(/** @type {{ path: string, signal?: AbortSignal }} */ args) {
      repo = await gitside.open('bench', { ...engine, signal: args.signal });
      return client.read(args);
    },

    async log(/** @type {{ limit?: number, path?: string, signal?: AbortSignal }} */ options) {
      let [count, last] = [0, ''];
      for await (const { oid } of repo.log('HEAD', options)) {
        count += 1;
        last = oid;
      }
      return `${count} ${last}`;
    },

    pathLog: (/** @type {{ path: string }} */ options) => client.log(options),

    async mergeBase(/** @type {{ a: string, b: string, signal?: AbortSignal }} */ { a, b, signal }) {
      return (await repo.mergeBase(a, b, { signal })).sort().join(' ');
    },

    async tree(/** @type {{ signal?: AbortSignal }} */ { signal }) {
      let count = 0;
      for await (const _ of repo.tree('HEAD', { recursive: true, signal })) count += 1;
      return `${count}`;
    },

    async blobs(/** @type {{ oids: string[], signal?: AbortSignal }} */ { oids, signal }) {
      let total = 0;
      const left = oids.values();
      const reader = async () => {
        for (const oid of left) {
          const blob = await repo.blob(oid, undefined, { signal });
          const bytes = await blob.bytes({ signal });
          total += bytes.length;
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, reader));
      return `${oids.length} ${total}`;
    },

    async diff(/** @type {{ releases: [string, string], signal?: AbortSignal }} */ { releases: [from, to], signal }) {
      let count = 0;
      for await (const _ of repo.diff(from, to, { signal })) count += 1;
      return `${count}`;
    },

    async fetch(/** @type {{ signal?: AbortSignal }} */ { signal }) {
      const { ok, updates } = await repo.fetch({ signal });
      if (!ok || updates.length === 0) throw new Error('nothing was fetched');
    },

    async push(/** @type {{ path: string, branch: string, content: string, signal?: AbortSignal }} */ { path, branch, content, signal }) {
      const committer = { name: 'bench', email: 'bench@example.org' };
      await repo.commit(branch, { message: 'new', committer, changes: [{ path, content }] }, { signal });
      const { ok } = await repo.push({ refspecs: [branch], signal });
      if (!ok) throw new Error('the server did not take it');
    },
  };
  return client;
}
