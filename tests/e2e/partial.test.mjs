// Partial clones in the browser: how many requests reading costs, counted in the server's log.

import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { Browser } from './support/browser.mjs';
import { prepare } from './support/client.mjs';
import { git, gitText, Repositories } from './support/repos.mjs';
import { startServer } from './support/server.mjs';

/** @type {Awaited<ReturnType<typeof startServer>>} */ let server;
/** @type {Browser} */ let browser;
/** @type {import('playwright-core').Page} */ let page;
const repositories = new Repositories();
let repository = '';
let url = '';

before(async () => {
  repository = repositories.history('partial', { commits: 2000, files: 700 });
  for (const key of ['allowFilter', 'allowAnySHA1InWant']) git(repository, ['config', `uploadpack.${key}`, 'true']);
  server = await startServer({ git: repositories.folder });
  url = server.url('/test/partial.git');
  browser = await Browser.start();
});

after(async () => {
  await server?.stop();
  repositories.remove();
  await browser?.stop();
});

beforeEach(async () => {
  await server.clearFaults();
  await page?.close();
  page = await browser.page(server.url('/e2e/blank.html'), { expected: /403/ });
  await prepare(page);
  await page.evaluate(async (url) => {
    const { t } = /** @type {any} */ (globalThis);
    for (const name of await t.names()) await t.gitside.remove(name);
    t.repo = await t.gitside.clone(url, 'partial', { filter: 'blob:none' });
    /** @type {string[]} */
    t.paths = [];
    for await (const entry of t.repo.tree('HEAD', { recursive: true })) t.paths.push(entry.path);
  }, url);
});

/** The requests for the repository since the last time. */
async function requests() {
  const log = /** @type {{ method: string, path: string }[]} */ (await server.log());
  await server.clearLog();
  return log.filter(({ path }) => path.startsWith('/test/')).map(({ method, path }) => `${method} ${path.replace('/test/partial.git/', '')}`);
}

const LAZY = 'POST git-upload-pack';

test('the tree of HEAD and a file cost four requests, and a hundred files at once one more', async () => {
  const first = await page.evaluate(async () => {
    const { t } = /** @type {any} */ (globalThis);
    return (await t.repo.blob('HEAD', t.paths[0])).text();
  });
  const paths = await page.evaluate(() => /** @type {any} */ (globalThis).t.paths);
  assert.equal(first.trimEnd(), gitText(repository, 'cat-file', 'blob', `main:${paths[0]}`));
  assert.deepEqual(await requests(), ['GET info/refs', LAZY, LAZY, LAZY]);
  const read = await page.evaluate(async () => {
    const { t } = /** @type {any} */ (globalThis);
    const blobs = await Promise.all(t.paths.slice(1, 101).map((/** @type {string} */ path) => t.repo.blob('HEAD', path)));
    return Promise.all(blobs.map((blob) => blob.text()));
  });
  assert.deepEqual(await requests(), [LAZY]);
  read.forEach((text, at) => assert.equal(text.trimEnd(), gitText(repository, 'cat-file', 'blob', `main:${paths[at + 1]}`)));
});

test('a call that is aborted leaves the request to the others', async () => {
  await requests();
  await server.fault({ method: 'POST', pathContains: 'git-upload-pack' }, { kind: 'delay', ms: 600 });
  const fates = await page.evaluate(async () => {
    const { t } = /** @type {any} */ (globalThis);
    const aborter = new AbortController();
    const reads = t.paths.slice(0, 3).map((/** @type {string} */ path, /** @type {number} */ at) =>
      t.fate(t.repo.blob('HEAD', path, at === 0 ? { signal: aborter.signal } : {}).then((/** @type {any} */ blob) => blob.text())),
    );
    setTimeout(() => aborter.abort(), 300);
    return Promise.all(reads);
  });
  assert.equal(fates[0].error.name, 'AbortError');
  const paths = await page.evaluate(() => /** @type {any} */ (globalThis).t.paths);
  for (const at of [1, 2]) assert.equal(fates[at].ok.trimEnd(), gitText(repository, 'cat-file', 'blob', `main:${paths[at]}`));
  assert.deepEqual(await requests(), [LAZY]);
});

test('an opened repository fetches ahead, reads without a network, and says what it does not have', async () => {
  await page.evaluate(() => /** @type {any} */ (globalThis).t.repo.close());
  await requests();
  const came = await page.evaluate(async () => {
    const { t } = /** @type {any} */ (globalThis);
    t.repo = await t.gitside.open('partial');
    return t.repo.prefetch('HEAD', { path: 'dir0' });
  });
  const files = gitText(repository, 'ls-tree', '-r', '--format=%(objectname)', 'main', 'dir0/').split('\n');
  assert.equal(came.objects, new Set(files).size);
  assert.deepEqual(await requests(), ['GET info/refs', LAZY]);
  await server.fault({ pathContains: 'partial.git' }, { kind: 'status', status: 403 });
  const [here, away, packs] = await page.evaluate(async () => {
    const { t } = /** @type {any} */ (globalThis);
    const of = (/** @type {string} */ folder) => t.paths.find((/** @type {string} */ path) => path.startsWith(folder));
    const packs = [];
    for await (const pack of t.repo.packs()) packs.push(pack.promisor);
    return [await t.fate(t.repo.blob('HEAD', of('dir0/')).then((/** @type {any} */ blob) => blob.size)), await t.fate(t.repo.blob('HEAD', of('dir1/'))), packs];
  });
  assert.ok(here.ok > 0);
  assert.equal(away.error.code, 'PromisedMissing');
  assert.equal(away.error.data.cause, 'Forbidden');
  assert.deepEqual(packs, [true, true]);
});
