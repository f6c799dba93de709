// Calls that make no sense, come too late, or are taken back: each ends, and by type.

import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { Browser } from './support/browser.mjs';
import { prepare } from './support/client.mjs';
import { startServer } from './support/server.mjs';

/** @type {Awaited<ReturnType<typeof startServer>>} */ let server;
/** @type {Browser} */ let browser;
/** @type {import('playwright-core').Page} */ let page;
let url = '';

before(async () => {
  server = await startServer();
  url = server.url('/git/example.git');
  browser = await Browser.start();
});

after(async () => {
  await server?.stop();
  await browser?.stop();
});

beforeEach(async () => {
  await page?.close();
  page = await browser.page(server.url('/e2e/blank.html'));
  await prepare(page);
});

test('a name that could not be told from another, or is none, is a TypeError', async () => {
  const fates = await page.evaluate(async (url) => {
    const { t } = /** @type {any} */ (globalThis);
    const { clone, open, remove } = t.gitside;
    const names = ['', '\ud800', 'a\udc00b', 'x'.repeat(1025), null, 5];
    const calls = [(/** @type {any} */ name) => clone(url, name), open, remove];
    const fates = [];
    for (const name of names) for (const call of calls) fates.push((await t.fate(call(name))).error?.name);
    const longest = `${'x'.repeat(1022)}\u{1f600}`;
    await (await clone(url, longest)).close();
    const listed = await t.names();
    await remove(longest);
    return { fates, kept: listed.length === 1 && listed[0] === longest };
  }, url);
  assert.deepEqual([...new Set(fates.fates)], ['TypeError'], fates.fates.join());
  assert.equal(fates.fates.length, 18);
  assert.ok(fates.kept, 'the longest name is kept as it was given');
});

test('a list that is read only after the repository was closed says so, and opens nothing', async () => {
  const seen = await page.evaluate(async (url) => {
    const { t } = /** @type {any} */ (globalThis);
    let opened = 0;
    const { open } = IDBFactory.prototype;
    IDBFactory.prototype.open = function (...args) {
      opened += 1;
      return open.apply(this, args);
    };
    const repo = await t.gitside.clone(url, 'late', { worker: false });
    const [refs, log, tree, objects, packs] = [repo.refs(), repo.log('HEAD'), repo.tree('HEAD'), repo.objects(), repo.packs()];
    const stream = (await repo.blob('HEAD', 'README.md')).stream();
    await repo.close();
    const before = opened;
    const codes = [];
    for (const list of [refs, log, tree, objects, packs]) codes.push((await t.fate(list[Symbol.asyncIterator]().next())).error?.code);
    codes.push((await t.fate(stream.getReader().read())).error?.code);
    await t.gitside.remove('late', { worker: false });
    return { codes, opened: opened - before };
  }, url);
  assert.deepEqual(seen.codes, Array(6).fill('Unsupported'));
  assert.ok(seen.opened <= 1, 'only to remove it was anything opened');
});

test('what is quoted in a message is cut to a length that can be shown', async () => {
  const lengths = await page.evaluate(async (url) => {
    const { t } = /** @type {any} */ (globalThis);
    const repo = await t.gitside.clone(url, 'long');
    const long = 'x'.repeat(100_000);
    const calls = [repo.object(long), repo.resolve(long), repo.blob('HEAD', long), t.gitside.clone(url, 'other', { ref: long }), t.gitside.clone(url, 'other', { remoteName: `${long}..` })];
    const fates = await Promise.all(calls.map(t.fate));
    await repo.close();
    await t.gitside.remove('long');
    return fates.map(({ error }) => error?.message.length ?? Infinity);
  }, url);
  for (const length of lengths) assert.ok(length < 600, lengths.join());
});
