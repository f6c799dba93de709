// What is done while nobody asks anything: the commit-graph comes to be after a clone, in a worker and
// beside the page, grows with the history, and calls are answered all the while.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Browser } from './support/browser.mjs';
import { prepare } from './support/client.mjs';
import { gitText, Repositories } from './support/repos.mjs';
import { startServer } from './support/server.mjs';

/** @type {Awaited<ReturnType<typeof startServer>>} */ let server;
/** @type {Browser} */ let browser;
const repositories = new Repositories();
let expected = '';

before(async () => {
  repositories.history('upkeep', { commits: 300, files: 60, bytes: 1_000_000 });
  expected = gitText(repositories.path('upkeep'), 'log', '--format=%H', 'HEAD');
  server = await startServer({ git: repositories.folder });
  browser = await Browser.start();
});

after(async () => {
  await server?.stop();
  repositories.remove();
  await browser?.stop();
});

for (const worker of [true, false]) {
  test(`the commit-graph is written and kept up to date ${worker ? 'in a worker' : 'beside the page'}`, async () => {
    const page = await browser.page(server.url('/e2e/blank.html'));
    await prepare(page);
    const seen = await page.evaluate(
      async ([url, name, worker]) => {
        const { t } = /** @type {any} */ (globalThis);
        /** The list of the graph's files, as the only database of this name has it. */
        const stored = async () => {
          for (const { name } of await indexedDB.databases()) {
            const database = await new Promise((resolve, reject) => {
              const request = indexedDB.open(String(name));
              request.onsuccess = () => resolve(request.result);
              request.onerror = () => reject(request.error);
            });
            if (database.objectStoreNames.contains('meta')) {
              const row = await new Promise((resolve) => {
                const request = database.transaction('meta').objectStore('meta').get(new TextEncoder().encode('commit-graph'));
                request.onsuccess = () => resolve(request.result);
              });
              database.close();
              if (row) return Array.from(row).join();
            } else database.close();
          }
          return undefined;
        };
        const changedFrom = async (/** @type {string | undefined} */ before) => {
          for (;;) {
            const now = await stored();
            if (now !== undefined && now !== before) return now;
            await new Promise((resolve) => setTimeout(resolve, 50));
          }
        };
        const log = async () => {
          const oids = [];
          for await (const { oid } of repo.log('HEAD')) oids.push(oid);
          return oids.join('\n');
        };
        const repo = await t.gitside.clone(url, name, { worker });
        const before = await log();
        const first = await changedFrom(undefined);
        const after = await log();
        const committer = { name: 'A', email: 'a@example.org' };
        const oid = await repo.commit('main', { message: 'one more', committer, changes: [{ path: 'new', content: 'new' }] });
        await changedFrom(first);
        const bases = await repo.mergeBase('HEAD', 'HEAD~100');
        const grown = await log();
        await t.gitside.remove(name, { worker });
        return { before, after, oid, bases, grown };
      },
      /** @type {const} */ ([server.url('/test/upkeep.git'), `upkeep-${worker}`, worker]),
    );
    assert.equal(seen.before, expected);
    assert.equal(seen.after, seen.before);
    assert.equal(seen.grown, `${seen.oid}\n${expected}`);
    assert.deepEqual(seen.bases, [expected.split('\n')[99]]);
    await page.close();
  });
}
