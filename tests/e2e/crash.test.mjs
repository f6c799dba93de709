// A clone that is killed at any moment leaves the whole repository or nothing, and the name free.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Browser } from './support/browser.mjs';
import { cloneAndDescribe, prepare, stored } from './support/client.mjs';
import { describe, Repositories } from './support/repos.mjs';
import { startServer } from './support/server.mjs';

/** How a clone can be ended from outside, and at how many moments each is tried. */
const KINDS = [
  { kind: 'renderer crash', moments: 14 },
  { kind: 'tab close', moments: 14 },
  { kind: 'worker terminated', moments: 14 },
  { kind: 'browser killed', moments: 5 },
];

/** @type {Awaited<ReturnType<typeof startServer>>} */ let server;
/** @type {Browser} */ let browser;
const repositories = new Repositories();
/** @type {ReturnType<typeof describe>} */ let expected;
let url = '';
/** How long an undisturbed clone takes at the slowed speed, in milliseconds. */
let whole = 0;

before(async () => {
  repositories.history('victim', { commits: 400, files: 120, bytes: 1_500_000 });
  expected = describe(repositories.path('victim'));
  server = await startServer({ git: repositories.folder });
  url = server.url('/test/victim.git');
  browser = await Browser.start();
  await server.slow(65_536, 15);
  const page = await fresh();
  // The first one also starts the engine; the second is timed.
  for (const name of ['warm-up', 'timed']) {
    const start = performance.now();
    await cloneAndDescribe(page, url, name);
    whole = performance.now() - start;
    await page.evaluate((name) => /** @type {any} */ (globalThis).t.gitside.remove(name), name);
  }
  await page.close();
});

after(async () => {
  await server?.stop();
  repositories.remove();
  await browser?.stop();
});

for (const { kind, moments } of KINDS) {
  test(`${kind} at ${moments} moments of a clone`, async (t) => {
    let [kept, gone] = [0, 0];
    for (let moment = 0; moment < moments; moment += 1) {
      // Spread over the clone and a little beyond its end.
      const after = Math.round((whole * 1.1 * moment) / (moments - 1));
      let page = await fresh();
      await begin(page, kind);
      await page.waitForTimeout(after);
      if (kind === 'renderer crash') await browser.crash(page);
      else if (kind === 'tab close') await page.close();
      else if (kind === 'browser killed') await browser.killAndRestart();
      else await terminated(page, after);
      if (kind !== 'worker terminated') page = await fresh();
      const where = `${kind} after ${after} of ${Math.round(whole)} ms`;
      if (await complete(page, where)) kept += 1;
      else gone += 1;
      await page.close();
    }
    t.diagnostic(`whole: ${kept}, nothing: ${gone}, an undisturbed clone takes ${Math.round(whole)} ms`);
    assert.ok(gone > moments / 3, 'most moments were before the end');
  });
}

async function fresh() {
  const page = await browser.page(server.url('/e2e/blank.html'));
  await prepare(page);
  return page;
}

/** Starts the clone and does not wait for it. @param {import('playwright-core').Page} page @param {string} kind */
function begin(page, kind) {
  return page.evaluate(
    ([url, own]) => {
      const { t } = /** @type {any} */ (globalThis);
      t.workers = [];
      const worker = () => {
        const worker = new Worker('/pkg/worker.js', { type: 'module' });
        t.workers.push(worker);
        return worker;
      };
      t.fate = t.fate(t.gitside.clone(url, 'victim', own ? { worker } : {}));
    },
    /** @type {const} */ ([url, kind === 'worker terminated']),
  );
}

/** A terminated Worker says nothing; the call must end all the same. @param {import('playwright-core').Page} page @param {number} after */
async function terminated(page, after) {
  const fate = await page.evaluate(async () => {
    const { t } = /** @type {any} */ (globalThis);
    t.workers.forEach((/** @type {Worker} */ worker) => worker.terminate());
    const patience = new Promise((resolve) => setTimeout(resolve, 10_000, { error: { name: 'none', code: 'it never ended' } }));
    const fate = await Promise.race([t.fate, patience]);
    return fate.error ? { error: fate.error } : { ok: true };
  });
  if (fate.error) assert.equal(fate.error.code, 'Internal', `terminated after ${after} ms: ${JSON.stringify(fate.error)}`);
}

/**
 * Whether the repository is there; then it is all there. Else nothing of it is, and its name can be
 * used. Leaves storage empty.
 * @param {import('playwright-core').Page} page @param {string} where
 */
async function complete(page, where) {
  const left = await stored(page);
  assert.equal(left.databases.length, left.names.length, `${where}: databases ${left.databases} for ${left.names}`);
  const kept = left.names.length > 0;
  if (kept) {
    assert.deepEqual(left.names, ['victim'], where);
    const found = await page.evaluate(async () => {
      const { t } = /** @type {any} */ (globalThis);
      const repo = await t.gitside.open('victim');
      const all = await t.describe(repo, true);
      await repo.close();
      return all;
    });
    assert.deepEqual(found.objects, expected.objects, where);
    assert.equal(found.head, expected.head, where);
  } else {
    await server.clearFaults();
    const again = await cloneAndDescribe(page, url, 'victim');
    assert.deepEqual(again.objects, expected.objects, where);
    await server.slow(65_536, 15);
  }
  await page.evaluate(() => /** @type {any} */ (globalThis).t.gitside.remove('victim'));
  const empty = await stored(page);
  assert.deepEqual(empty, { names: [], databases: [] }, where);
  return kept;
}
