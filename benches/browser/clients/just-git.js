// just-git in a Worker, in its own memory file system: it comes with nothing that keeps what it
// cloned, so everything is gone with the page. What its repository module does is done with that,
// the rest with its commands.

const AT_ONCE = 64;

export async function make() {
  const { createGit, MemoryFileSystem } = await import(/** @type {any} */ ('/peers/just-git/dist/index.js'));
  const module = await import(/** @type {any} */ ('/peers/just-git/dist/repo/index.js'));
  const git = createGit({ fs: new MemoryFileSystem(), cwd: '/bench', identity: { name: 'bench', email: 'bench@example.org' } });
  /** @type {any} */
  let repo;

  const run = async (/** @type {string} */ command, /** @type {object} */ context = {}) => {
    const { exitCode, stderr } = await git.exec(command, context);
    if (exitCode !== 0) throw new Error(`git ${command}: ${stderr}`);
  };
  const head = async () => (await module.readHead(repo)).hash ?? (await module.resolveRef(repo, 'HEAD'));

  const client = {
    async init() {},

    async clone(/** @type {{ url: string, depth?: number }} */ { url, depth }) {
      await run(`clone --no-checkout ${depth ? `--depth ${depth} ` : ''}${url} /bench`, { cwd: '/' });
      repo = await git.findRepo();
    },

    async open() {},

    async read(/** @type {{ path: string }} */ { path }) {
      const text = await module.readFileAtCommit(repo, await head(), path);
      return `${new TextEncoder().encode(text).length}`;
    },

    async log(/** @type {{ limit?: number, path?: string }} */ { limit, path }) {
      let count = 0;
      for await (const _ of module.walkCommitHistory(repo, await head(), { limit, paths: path && [path] })) count += 1;
      return `${count}`;
    },

    pathLog: (/** @type {{ path: string }} */ args) => client.log(args),

    async mergeBase(/** @type {{ a: string, b: string }} */ { a, b }) {
      return (await module.findMergeBases(repo, a, b)).sort().join(' ');
    },

    async tree() {
      const { tree } = await module.readCommit(repo, await head());
      return `${(await module.flattenTree(repo, tree)).length}`;
    },

    async blobs(/** @type {{ oids: string[] }} */ { oids }) {
      let total = 0;
      const left = oids.values();
      const reader = async () => {
        for (const oid of left) {
          const bytes = await module.readBlob(repo, oid);
          total += bytes.length;
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, reader));
      return `${oids.length} ${total}`;
    },

    /** Without renames: it tells them only together with every line that differs. */
    async diff(/** @type {{ releases: [string, string] }} */ { releases }) {
      const trees = await Promise.all(releases.map(async (name) => (await module.readCommit(repo, await module.revParse(repo, `${name}^{commit}`))).tree));
      await module.diffTrees(repo, ...trees);
    },

    async fetch() {
      await run('fetch');
    },

    async push(/** @type {{ path: string, branch: string, content: string }} */ { path, branch, content }) {
      await module.commit(repo, { files: { [path]: content }, message: 'new\n', author: { name: 'bench', email: 'bench@example.org' }, branch });
      await run(`push origin ${branch}`);
    },
  };
  return client;
}
