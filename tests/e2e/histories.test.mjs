// How histories meet, through the package.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Browser } from './support/browser.mjs';
import { prepare } from './support/client.mjs';
import { data, Repositories } from './support/repos.mjs';
import { startServer } from './support/server.mjs';

/** @type {Awaited<ReturnType<typeof startServer>>} */ let server;
/** @type {Browser} */ let browser;
const repositories = new Repositories();

before(async () => {
  /** @param {string} branch @param {number} mark @param {string} parents */
  const commit = (branch, mark, parents) =>
    `commit refs/heads/${branch}\nmark :${mark}\ncommitter A <a@x> ${1_700_000_000 + mark} +0000\n${data(`${mark}`)}${parents}\n`;
  const stream = [
    commit('main', 1, ''),
    commit('main', 2, 'from :1\n'),
    commit('main', 3, 'from :2\n'),
    commit('side', 4, 'from :2\n'),
    commit('side', 5, 'from :4\n'),
    commit('side', 6, 'from :5\n'),
    'reset refs/heads/alone\n',
    commit('alone', 7, ''),
  ];
  repositories.make('meeting', stream.join(''));
  server = await startServer({ git: repositories.folder });
  browser = await Browser.start();
});

after(async () => {
  await server?.stop();
  repositories.remove();
  await browser?.stop();
});

test('mergeBase and aheadBehind answer for names, and say what is wrong with others', async () => {
  const page = await browser.page(server.url('/e2e/blank.html'));
  await prepare(page);
  const seen = await page.evaluate(async (url) => {
    const { t } = /** @type {any} */ (globalThis);
    const repo = await t.gitside.clone(url, 'meeting', { mirror: true });
    const answers = {
      bases: await repo.mergeBase('main', 'side'),
      base: await repo.resolve('main~1'),
      none: await repo.mergeBase('main', 'alone'),
      apart: await repo.aheadBehind('main', 'side'),
      same: await repo.aheadBehind('main', 'main'),
      bad: await t.fate(repo.mergeBase('main', 'nowhere')),
      tree: await t.fate(repo.aheadBehind('main^{tree}', 'side')),
      number: await repo.mergeBase('main', 7).then(String, String),
    };
    await repo.close();
    return answers;
  }, server.url('/test/meeting.git'));
  assert.deepEqual(seen.bases, [seen.base]);
  assert.deepEqual(seen.none, []);
  assert.deepEqual(seen.apart, { ahead: 1, behind: 3 });
  assert.deepEqual(seen.same, { ahead: 0, behind: 0 });
  assert.equal(seen.bad.error.code, 'RefNotFound');
  assert.equal(seen.tree.error.code, 'InvalidRef');
  assert.match(seen.number, /TypeError/);
  await page.close();
});
