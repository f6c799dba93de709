// Before a push is sent, through the package in a browser: who asks to be told is told, on the page's own
// side of the worker, and may call it off.

import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import path from 'node:path';
import { Browser } from './support/browser.mjs';
import { prepare } from './support/client.mjs';
import { gitText, Repositories } from './support/repos.mjs';
import { startServer } from './support/server.mjs';

/** @type {Awaited<ReturnType<typeof startServer>>} */ let server;
/** @type {Browser} */ let browser;
/** @type {import('playwright-core').Page} */ let page;
const repositories = new Repositories();

before(async () => {
  server = await startServer({ more: ['--config', 'http.receivepack=true', '--git', `/open=${repositories.folder}`] });
  browser = await Browser.start();
});

after(async () => {
  await server?.stop();
  repositories.remove();
  await browser?.stop();
});

beforeEach(async () => {
  await page?.close();
  page = await browser.page(server.url('/e2e/blank.html'));
  await prepare(page);
});

/**
 * Clones, commits a file, and pushes it after `answer`: what `beforePush` answers, or that it throws.
 * @param {string} repository @param {unknown} answer @param {object} [options]
 */
function push(repository, answer, options = {}) {
  const url = server.url(`/open/${path.basename(repository)}`);
  return page.evaluate(
    async ([url, name, answer, options]) => {
      const { t } = /** @type {any} */ (globalThis);
      const repo = await t.gitside.clone(url, name);
      const author = { name: 'P', email: 'p@example.com', timestamp: 1700000100, tz: '+0000' };
      const changes = [{ path: 'dir/large.txt', content: 'large '.repeat(100) }];
      const oid = await repo.commit('main', { message: 'Second', author, changes });
      /** @type {any} */ const seen = { oid, told: [], warnings: [] };
      const no = new Error('not today');
      const beforePush = async (/** @type {any} */ about) => {
        seen.told.push(about);
        if (answer === 'throw') throw no;
        return answer;
      };
      const onWarning = (/** @type {string} */ text) => seen.warnings.push(text);
      try {
        seen.result = await repo.push({ remote: 'origin', refspecs: ['main'], beforePush, onWarning, ...options });
      } catch (error) {
        seen.error = error === no ? 'not today' : t.plain(error);
      }
      await repo.close();
      return seen;
    },
    /** @type {const} */ ([url, path.basename(repository), answer, options]),
  );
}

test('a push that is let go is what was told before', async () => {
  const repository = repositories.small('let-go');
  const old = gitText(repository, 'rev-parse', 'main');
  const { oid, told, result, error, warnings } = await push(repository, undefined);
  assert.equal(error, undefined);
  assert.equal(gitText(repository, 'rev-parse', 'main'), oid);
  assert.deepEqual(told, [
    {
      remote: 'origin',
      url: result.url,
      refs: [{ name: 'refs/heads/main', source: 'refs/heads/main', old, new: oid, forced: false }],
      objects: result.objects,
      bytes: result.bytes,
      large: [],
    },
  ]);
  assert.deepEqual(warnings, []);
});

test('large files are named before they are sent', async () => {
  const repository = repositories.small('large');
  const { told, warnings } = await push(repository, true, { warnAbove: { file: 500, push: 100 } });
  const oid = gitText(repository, 'rev-parse', 'main:dir/large.txt');
  assert.deepEqual(told[0].large, [{ path: 'dir/large.txt', oid, size: 600 }]);
  assert.deepEqual(warnings, [
    '"dir/large.txt" has 600 bytes; servers may refuse files of more than 500',
    `${told[0].bytes} bytes are to be sent; servers may refuse pushes of more than 100`,
  ]);
});

test('a push that is called off sends nothing and says so, or what was thrown', async () => {
  const repository = repositories.small('called-off');
  const old = gitText(repository, 'rev-parse', 'main');
  const off = await push(repository, false);
  assert.equal(off.error.code, 'PushRejectedLocal');
  assert.equal(gitText(repository, 'rev-parse', 'main'), old);
  const other = repositories.small('thrown');
  const before = gitText(other, 'rev-parse', 'main');
  const thrown = await push(other, 'throw');
  assert.equal(thrown.error, 'not today');
  assert.equal(thrown.told.length, 1);
  assert.equal(gitText(other, 'rev-parse', 'main'), before);
});

test('nobody is asked for a dry run, and options that make no sense are refused', async () => {
  const repository = repositories.small('dry');
  const dry = await push(repository, false, { dryRun: true });
  assert.equal(dry.error, undefined);
  assert.deepEqual([dry.told, dry.result.updates[0].kind], [[], 'fast-forward']);
  for (const options of [{ warnAbove: 5 }, { warnAbove: { file: -1 } }, { warnAbove: { push: '2g' } }, { beforePush: true }]) {
    const { error } = await push(repositories.small(`bad-${JSON.stringify(options).replace(/\W/g, '')}`), true, options);
    assert.equal(error.name, 'TypeError', JSON.stringify(options));
  }
});
