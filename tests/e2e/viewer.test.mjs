// A newcomer's first minute: serve, open the page, clone, reload, look at a file.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { Browser } from './support/browser.mjs';
import { git, gitText, Repositories } from './support/repos.mjs';
import { root } from './support/server.mjs';

/** @type {import('node:child_process').ChildProcess} */ let served;
let origin = '';
/** @type {Browser} */ let browser;
const repositories = new Repositories();
let mirror = '';

before(async () => {
  origin = await serve();
  browser = await Browser.start();
  mirror = repositories.mirror(`${origin}/git/example.git`, 'example');
});

after(async () => {
  served?.kill('SIGTERM');
  repositories.remove();
  await browser?.stop();
});

test('a repository cloned through the page is there after a reload, byte for byte', async () => {
  const page = await browser.page(`${origin}/`);
  await page.getByRole('link', { name: 'Clone a repository' }).click();
  await page.getByLabel('Repository URL').fill(`${origin}/git/example.git`);
  await page.getByRole('button', { name: 'Clone', exact: true }).click();
  await page.waitForURL(/#\/r\/example\/tree\/HEAD/);
  await page.locator('main[data-ready]').waitFor();

  const files = gitText(mirror, 'ls-tree', '-r', '--name-only', '-z', 'HEAD').split('\0').filter(Boolean);
  const file = files.find((name) => name.endsWith('.rs')) ?? 'README.md';
  const expected = git(mirror, ['cat-file', 'blob', `HEAD:${file}`]);
  const address = `${origin}/#/r/example/blob/HEAD/${file.split('/').map(encodeURIComponent).join('/')}`;
  await page.goto(address);
  await page.reload();
  await page.locator('#code').waitFor();
  const shown = await page.locator('#code .line .text').allInnerTexts();
  assert.deepEqual(shown, expected.toString().replace(/\n$/, '').split('\n'));
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Download' }).click();
  assert.deepEqual(readFileSync(await (await download).path()), expected);

  // In another process of the browser it is still there, and the server is asked for no object.
  await browser.restart();
  const again = await browser.page(`${origin}/`);
  /** @type {string[]} */
  const asked = [];
  again.on('request', (request) => asked.push(request.url()));
  await again.goto(address);
  await again.reload();
  await again.locator('#code').waitFor();
  assert.deepEqual(await again.locator('#code .line .text').allInnerTexts(), shown);
  assert.deepEqual(asked.filter((url) => url.includes('.git')), []);
});

test('the page offers the repositories that are served', async () => {
  const page = await browser.page(`${origin}/`);
  await page.locator('#examples').waitFor();
  const offered = await page.locator('#examples h2').allInnerTexts();
  assert.ok(offered.includes('gitside'), offered.join());
});

/** Runs `cargo xtask serve` and resolves with the address it prints. @returns {Promise<string>} */
function serve() {
  served = spawn(process.env.GITSIDE_XTASK ?? 'target/debug/xtask', ['serve', '--port', '0'], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
  return new Promise((resolve, reject) => {
    served.once('exit', (code) => reject(new Error(`serve ended with ${code}`)));
    const lines = createInterface({ input: served.stdout ?? assert.fail() });
    lines.on('line', (line) => {
      const address = /^gitside is at (\S+)\/$/.exec(line)?.[1];
      if (address) resolve(address);
    });
  });
}
