// Names and directories of a size that nobody chose for their looks.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Browser } from './support/browser.mjs';
import { prepare } from './support/client.mjs';
import { data, Repositories } from './support/repos.mjs';
import { startServer } from './support/server.mjs';

const FILES = 2500;
const LONG = 'x'.repeat(200);

/** @type {Awaited<ReturnType<typeof startServer>>} */ let server;
/** @type {Browser} */ let browser;
const repositories = new Repositories();

before(async () => {
  const parts = [`commit refs/heads/main\nmark :1\ncommitter ${LONG} <a@example.com> 1600000000 +0000\n${data(`${LONG}${LONG}\n`)}`];
  for (let file = 0; file < FILES; file += 1) parts.push(`M 100644 inline many/file${file}\n${data('x')}`);
  parts.push(`M 100644 inline ${LONG}/${LONG}/${LONG}\n${data(LONG.repeat(20))}`);
  parts.push(`M 100644 inline README.md\n${data(LONG.repeat(20))}`, `reset refs/heads/${LONG}\nfrom :1\n\n`);
  repositories.make('large', parts.join(''));
  server = await startServer({ git: repositories.folder });
  browser = await Browser.start();
});

after(async () => {
  await server?.stop();
  repositories.remove();
  await browser?.stop();
});

/** @param {import('playwright-core').Page} page @param {string} where */
async function visit(page, where) {
  await page.goto(server.url(`/#/${where}`));
  await page.reload();
  await page.locator('main[data-ready]').waitFor();
}

test('no page is wider than the window, whatever things are called', async () => {
  const page = await browser.page(server.url('/'));
  await prepare(page);
  const names = ['n'.repeat(1000), 'large'];
  await page.evaluate(
    async ([url, names]) => {
      const { t } = /** @type {any} */ (globalThis);
      for (const name of names) await (await t.gitside.clone(url, name)).close();
    },
    /** @type {const} */ ([server.url('/test/large.git'), names]),
  );
  const wide = [];
  for (const width of [1200, 400]) {
    await page.setViewportSize({ width, height: 800 });
    const inside = names.flatMap((name) => ['tree/HEAD', `tree/${LONG}`, `tree/HEAD/${LONG}/${LONG}`, `blob/HEAD/${LONG}/${LONG}/${LONG}`, `log/HEAD/${LONG}`, 'commit/HEAD', `tree/${LONG}z`].map((rest) => `r/${name}/${rest}`));
    for (const where of ['', ...inside]) {
      await visit(page, where);
      // Whoever comes by keyboard sees the heading.
      await page.keyboard.press('Shift');
      await page.evaluate(() => document.querySelector('h1')?.focus());
      const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      if (over > 0) wide.push(`${over} at ${width}: ${where.replace(/(.)\1{9,}/g, '$1…')}`);
    }
  }
  assert.deepEqual(wide, []);
  await page.close();
});

test('a directory of thousands of files is shown a thousand at a time', async () => {
  const page = await browser.page(server.url('/'));
  await visit(page, 'r/large/tree/HEAD/many');
  const rows = page.locator('#entries tr');
  assert.equal(await rows.count(), 1 + 1000);
  const more = page.locator('#more');
  assert.equal(await more.innerText(), 'Show 1,000 of 1,500 more');
  await more.click();
  await more.click();
  assert.equal(await rows.count(), 1 + FILES);
  assert.equal(await more.count(), 0);
  await page.close();
});
