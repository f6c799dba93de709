// wasm-git in a Worker of a page that is isolated from other origins, where its loader picks the build
// that its documentation calls the fastest: with threads, on the origin's private file system. Its
// clone checks everything out, and knows neither depth nor filters. It is used as its examples do.

const place = 'bench';

export async function make() {
  /** @type {string[]} */
  const printed = [];
  const print = (/** @type {string} */ line) => void printed.push(line);
  const { loadOpfsGit } = await import(/** @type {any} */ ('/peers/wasm-git/lg2_opfs_auto.js'));
  const git = await loadOpfsGit({ user: 'bench', email: 'bench@example.org', moduleOverrides: { print, printErr: print }, moduleArg: { print, printErr: print } });

  const run = async (/** @type {string[]} */ ...args) => {
    printed.length = 0;
    git.FS.chdir(git.repoDir(place));
    const status = await git.run(args);
    if (status) throw new Error(`${args.join(' ')}: ${printed.slice(-3).join('; ')}`);
  };
  const count = (/** @type {RegExp} */ pattern) => printed.filter((line) => pattern.test(line)).length;

  return {
    async init() {},

    async clone(/** @type {{ url: string }} */ { url }) {
      printed.length = 0;
      await git.clone(url, place);
      if (!git.FS.analyzePath(`${git.repoDir(place)}/.git/HEAD`).exists) throw new Error(printed.slice(-3).join('; '));
    },

    async open() {
      if (!(await git.syncRepo(place))) throw new Error('it is not there');
    },

    async read(/** @type {{ path: string }} */ { path }) {
      return `${git.FS.readFile(`${git.repoDir(place)}/${path}`).length}`;
    },

    async coldRead(/** @type {{ path: string }} */ args) {
      await this.open();
      return this.read(args);
    },

    async log(/** @type {{ limit: number }} */ { limit }) {
      await run('log', `--max-count=${limit}`);
      return `${count(/^commit /)}`;
    },

    /** Without the simplification of history. */
    async pathLog(/** @type {{ path: string }} */ { path }) {
      await run('log', '--', path);
    },

    async diff(/** @type {{ releases: [string, string] }} */ { releases }) {
      await run('diff', '--name-status', ...releases);
    },

    async fetch() {
      await run('fetch', 'origin');
    },

    async push(/** @type {{ path: string, content: string }} */ { path, content }) {
      await git.writeFile(place, path, content);
      await run('add', path);
      await run('commit', '-m', 'new');
      await run('push');
    },
  };
}
