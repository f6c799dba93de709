// What runs inside a page: the package, used as anybody would. Each function here is called from
// the test and does its work in the page.

/** @typedef {import('playwright-core').Page} Page */

/** Puts helpers into the page as `window.t`, with the package as `t.gitside`. @param {Page} page */
export async function prepare(page) {
  await page.evaluate(async () => {
    const gitside = await import(/** @type {any} */ ('/pkg/index.js'));
    const t = {
      gitside,
      /** An error as plain data, so that it can leave the page. */
      plain: (/** @type {any} */ error) => ({ name: error?.name, code: error?.code, phase: error?.phase, message: String(error?.message ?? error), data: error?.data }),
      /** Resolves with the value's fate. */
      fate: async (/** @type {Promise<any>} */ promise) => {
        try {
          return { ok: await promise };
        } catch (error) {
          return { error: t.plain(error) };
        }
      },
      /** Everything in a repository, and whether all of it can be read. */
      describe: async (/** @type {any} */ repo, read = false) => {
        const objects = [];
        for await (const { oid } of repo.objects()) objects.push(oid);
        if (read) for (const oid of objects) await (await repo.object(oid)).bytes();
        const refs = [];
        for await (const ref of repo.refs()) refs.push(`${ref.name} ${ref.oid}`);
        return { objects: objects.sort(), refs, head: await repo.resolve('HEAD') };
      },
      names: async () => {
        const names = [];
        for await (const { name } of gitside.list()) names.push(name);
        return names;
      },
      databases: async () => (await indexedDB.databases()).map(({ name }) => name).sort(),
    };
    Object.assign(globalThis, { t });
  });
}

/** Clones, and resolves with everything in it. @param {Page} page @param {string} url @param {string} name @param {object} [options] */
export function cloneAndDescribe(page, url, name, options = {}) {
  return page.evaluate(
    async ([url, name, options]) => {
      const { t } = /** @type {any} */ (globalThis);
      const repo = await t.gitside.clone(url, name, options);
      const all = await t.describe(repo);
      await repo.close();
      return all;
    },
    /** @type {const} */ ([url, name, options]),
  );
}

/**
 * What is left in storage: the names listed, and the databases of repositories. What an unfinished
 * clone left behind is swept when storage is next used, so this asks until the number of databases
 * is that of the names, for two seconds at most.
 * @param {Page} page
 */
export function stored(page) {
  return page.evaluate(async () => {
    const { t } = /** @type {any} */ (globalThis);
    const until = performance.now() + 2000;
    for (;;) {
      const names = await t.names();
      const databases = (await t.databases()).filter((/** @type {string} */ name) => name.startsWith('gitside:repo:'));
      if (databases.length === names.length || performance.now() > until) return { names, databases };
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  });
}
