// When storage is full, cleared, or shared with another tab. Each test has an origin of its own,
// because what a browser says of its quota it says per origin, and remembers for a while.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Browser } from './support/browser.mjs';
import { cloneAndDescribe, prepare, stored } from './support/client.mjs';
import { describe, Repositories } from './support/repos.mjs';
import { startServer } from './support/server.mjs';

/** @typedef {import('playwright-core').Page} Page */

/** @type {Awaited<ReturnType<typeof startServer>>} */ let server;
/** @type {Browser} */ let browser;
const repositories = new Repositories();
/** @type {ReturnType<typeof describe>} */ let large;
/** @type {ReturnType<typeof describe>} */ let small;

before(async () => {
  large = describe(repositories.history('large', { commits: 200, files: 100, bytes: 12_000_000 }));
  small = describe(repositories.history('small', { commits: 5, files: 10 }));
  server = await startServer({ git: repositories.folder });
  browser = await Browser.start();
});

after(async () => {
  await server?.stop();
  repositories.remove();
  await browser?.stop();
});

/** The server under another name: browsers resolve every name below localhost to this machine. @param {string} name */
function originOf(name) {
  return `http://${name}.localhost:${new URL(server.origin).port}`;
}

/** @param {string} origin */
async function fresh(origin) {
  const page = await browser.page(`${origin}/e2e/blank.html`);
  await prepare(page);
  return page;
}

/** Where a repository is for the page. @param {Page} page @param {string} name */
function at(page, name) {
  return new URL(`/test/${name}.git`, page.url()).href;
}

/** Starts a clone and does not wait; `fate` does. @param {Page} page @param {string} repository @param {string} [name] */
async function begin(page, repository, name = repository) {
  await page.evaluate(
    ([url, name]) => {
      const { t } = /** @type {any} */ (globalThis);
      t.cloning = t.fate(t.gitside.clone(url, name).then((/** @type {any} */ repo) => repo.close()));
    },
    /** @type {const} */ ([at(page, repository), name]),
  );
}

/** @param {Page} page @returns {Promise<{ error?: { code: string } }>} */
function fate(page) {
  return page.evaluate(() => /** @type {any} */ (globalThis).t.cloning);
}

/** @param {Page} page @param {string} repository @param {string} [name] */
async function tryClone(page, repository, name) {
  await begin(page, repository, name);
  return fate(page);
}

/** @param {Page} page @param {string} name */
function readAll(page, name) {
  return page.evaluate(async (name) => {
    const { t } = /** @type {any} */ (globalThis);
    const repo = await t.gitside.open(name);
    const all = await t.describe(repo, true);
    await repo.close();
    return all;
  }, name);
}

/** @param {Page} page @param {string} name */
function remove(page, name) {
  return page.evaluate((name) => /** @type {any} */ (globalThis).t.gitside.remove(name), name);
}

test('a clone that does not fit fails as Quota, leaves nothing, and harms no other repository', async (t) => {
  const outcomes = [];
  for (const [number, quotaSize] of [1, 20_000, 300_000, 700_000, 1_500_000, 3_000_000, 5_000_000, 7_000_000, 9_000_000, 11_000_000].entries()) {
    const origin = originOf(`quota${number}`);
    const page = await fresh(origin);
    const session = await browser.cdp(page);
    await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize });
    const where = `with ${quotaSize} bytes`;
    const first = await tryClone(page, 'small');
    const kept = first.error ? [] : ['small'];
    if (first.error) assert.equal(first.error.code, 'Quota', `${where}: ${JSON.stringify(first)}`);
    const second = await tryClone(page, 'large');
    assert.equal(second.error?.code, 'Quota', `${where}: ${JSON.stringify(second)}`);
    outcomes.push(`${quotaSize}: ${first.error ? 'neither' : 'the small one'} fits`);
    const left = await stored(page);
    assert.deepEqual(left.names, kept, where);
    assert.equal(left.databases.length, kept.length, `${where}: ${left.databases}`);
    if (kept.length) assert.deepEqual((await readAll(page, 'small')).objects, small.objects, `${where}: the other repository is untouched`);
    // With room again the same call works.
    await session.send('Storage.overrideQuotaForOrigin', { origin });
    assert.deepEqual((await cloneAndDescribe(page, at(page, 'large'), 'large')).objects, large.objects, where);
    await remove(page, 'large');
    await page.close();
  }
  t.diagnostic(outcomes.join(', '));
  assert.ok(outcomes.some((outcome) => outcome.includes('the small one')), outcomes.join(', '));
});

test('site data that is cleared during a clone makes it fail by type, and the next one works', async (t) => {
  const page = await fresh(originOf('cleared'));
  const session = await browser.cdp(page);
  const codes = [];
  for (const moment of [0, 20, 60, 150, 300, 500, 800, 1200]) {
    await server.slow(65_536, 8);
    await begin(page, 'large');
    await page.waitForTimeout(moment);
    await session.send('Storage.clearDataForOrigin', { origin: originOf('cleared'), storageTypes: 'indexeddb' });
    const { error } = await fate(page);
    codes.push(`${moment} ms: ${error?.code ?? 'cloned'}`);
    if (error) assert.equal(error.code, 'StorageGone', JSON.stringify(error));
    await server.clearFaults();
    if ((await stored(page)).names.includes('large')) await remove(page, 'large');
    assert.deepEqual(await stored(page), { names: [], databases: [] }, `after ${moment} ms`);
    assert.deepEqual((await cloneAndDescribe(page, at(page, 'large'), 'large')).objects, large.objects);
    await remove(page, 'large');
  }
  t.diagnostic(codes.join(', '));
  assert.ok(codes.filter((code) => code.includes('StorageGone')).length >= 3, codes.join(', '));
  await page.close();
});

test('an open repository whose data is cleared says StorageGone, then NotFound', async () => {
  const page = await fresh(originOf('evicted'));
  const session = await browser.cdp(page);
  await page.evaluate(async (url) => {
    const { t } = /** @type {any} */ (globalThis);
    t.repo = await t.gitside.clone(url, 'small');
  }, at(page, 'small'));
  await session.send('Storage.clearDataForOrigin', { origin: originOf('evicted'), storageTypes: 'indexeddb' });
  const fates = await page.evaluate(async () => {
    const { t } = /** @type {any} */ (globalThis);
    const read = async () => (await t.repo.blob('HEAD', 'dir0/sub0/file0.txt')).text();
    return [await t.fate(read()), await t.fate(t.gitside.open('small')), await t.names()];
  });
  assert.equal(fates[0].error?.code, 'StorageGone', JSON.stringify(fates[0]));
  assert.equal(fates[1].error?.code, 'NotFound', JSON.stringify(fates[1]));
  assert.deepEqual(fates[2], []);
  await page.close();
});

test('the unfinished clone of another tab is not swept', async () => {
  const first = await fresh(originOf('tabs'));
  const second = await fresh(originOf('tabs'));
  await server.slow(65_536, 12);
  await begin(first, 'large');
  for (const round of [1, 2, 3]) {
    await second.waitForTimeout(200);
    assert.deepEqual(await second.evaluate(() => /** @type {any} */ (globalThis).t.names()), []);
    const taken = await tryClone(second, 'large');
    assert.ok(['AlreadyExists', 'Busy'].includes(taken.error?.code ?? ''), `round ${round}: ${JSON.stringify(taken)}`);
    await cloneAndDescribe(second, at(second, 'small'), 'small');
    await remove(second, 'small');
  }
  const { error } = await fate(first);
  assert.equal(error, undefined, JSON.stringify(error));
  await server.clearFaults();
  assert.deepEqual((await readAll(second, 'large')).objects, large.objects);
  await first.close();
  await second.close();
});

test('two tabs that clone under one name at once: one has it, the other is told', async () => {
  const origin = originOf('race');
  const pages = [await fresh(origin), await fresh(origin)];
  const fates = await Promise.all(pages.map((page) => tryClone(page, 'small', 'one')));
  const failed = fates.flatMap(({ error }) => (error ? [error.code] : []));
  assert.equal(failed.length, 1, JSON.stringify(fates));
  assert.ok(['AlreadyExists', 'Busy'].includes(failed[0] ?? ''), failed.join());
  assert.deepEqual((await readAll(pages[0] ?? assert.fail(), 'one')).objects, small.objects);
  for (const page of pages) await page.close();
});
