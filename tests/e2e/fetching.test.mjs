// Keeping a repository up to date through the page: fetch and what it changed, more history, files of
// a partial clone, pull, cleaning up; cancelled, refused, with a login.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Browser } from './support/browser.mjs';
import { cloneAndDescribe, prepare } from './support/client.mjs';
import { commit, describe, git, gitText, Repositories } from './support/repos.mjs';
import { startServer } from './support/server.mjs';

/** @typedef {import('playwright-core').Page} Page */

/** @type {Awaited<ReturnType<typeof startServer>>} */ let server;
/** @type {Browser} */ let browser;
const repositories = new Repositories();

before(async () => {
  const more = ['--config', 'uploadpack.allowFilter=true', '--config', 'uploadpack.allowAnySHA1InWant=true', '--git', `/partial=${repositories.folder}`, '--auth', 'me:secret', '--git', `/private=${repositories.folder}`];
  server = await startServer({ git: repositories.folder, more });
  browser = await Browser.start();
});

after(async () => {
  await server?.stop();
  repositories.remove();
  await browser?.stop();
});

/** A repository with one commit on its branch main. @param {string} name */
function make(name) {
  const path = repositories.make(name, '');
  commit(path, 'main', { 'README.md': `# ${name}\n`, 'src/a.txt': 'a\n', 'src/deep/b.txt': 'b\n', 'other/c.txt': 'c\n' });
  return path;
}

/** Bytes that no compression makes smaller. @param {number} length */
function noise(length) {
  let state = 88172645463325252n;
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at += 8) {
    state ^= (state << 13n) & 0xffffffffffffffffn;
    state ^= state >> 7n;
    state ^= (state << 17n) & 0xffffffffffffffffn;
    bytes.writeBigUInt64LE(state, at);
  }
  return bytes;
}

/** A page of a repository that is cloned already. @param {string} where @param {{ expected?: RegExp }} [options] */
async function visit(where, options) {
  const page = await browser.page(server.url(`/#/r/${where}`), options);
  await page.locator('main[data-ready]').waitFor();
  // A reload would lose it.
  await page.evaluate(() => Object.assign(globalThis, { sameDocument: true }));
  return page;
}

/** @param {string} name @param {object} [options] @param {string} [mount] */
async function cloned(name, options = {}, mount = 'test') {
  const page = await browser.page(server.url('/e2e/blank.html'));
  await prepare(page);
  await cloneAndDescribe(page, server.url(`/${mount}/${name}.git`), name, options);
  await page.close();
}

/** Opens the sheet of actions and takes one. @param {Page} page @param {string} action @param {(sheet: import('playwright-core').Locator) => Promise<void>} [prepare] */
async function act(page, action, prepare) {
  await page.locator('#fetch').click();
  const sheet = page.locator('dialog#fetching');
  await sheet.locator(`#do-gc`).waitFor();
  await prepare?.(sheet);
  await sheet.locator(`#do-${action}`).click();
}

/** Waits for the end of what runs, and answers what it says. @param {Page} page @param {string} [state] */
async function ended(page, state = 'done') {
  const job = page.locator('.job:not(.running)');
  await job.waitFor();
  assert.equal(await job.getAttribute('data-state'), state, await job.innerText());
  return job.locator('h2').first().innerText();
}

/** What the page shows to have changed, as lines of `git fetch`'s table without its first column. @param {Page} page */
async function changes(page) {
  const rows = await page.locator('.job .change').evaluateAll((items) => items.map((item) => ['.kind', '.ref', '.range'].map((part) => item.querySelector(part)?.textContent ?? '')));
  return rows.map(([kind, ref, range]) => `${ref} ${kind === 'fast-forward' || kind === 'forced update' ? range : `[${kind}]`}${kind === 'forced update' ? ' (forced update)' : ''}`).sort();
}

/** The same from git. @param {string} clone @param {...string} options */
function gitChanges(clone, ...options) {
  // It writes to standard error.
  const said = gitText(clone, '-c', `alias.told=!git -c core.abbrev=8 fetch ${options.join(' ')} 2>&1`, 'told');
  const lines = said.split('\n').flatMap((line) => {
    const [, what, ref, note] = /^ . (\[.*?\]|\S+)\s+\S+\s+-> (\S+)(\s+\(.*\))?$/.exec(line) ?? [];
    return ref ? [`${ref} ${what}${note ? ` ${note.trim()}` : ''}`] : [];
  });
  assert.ok(lines.length > 0, said);
  return lines.sort();
}

/** What a repository has, asked of the package. @param {Page} page @param {string} name */
async function inside(page, name) {
  return page.evaluate(async (name) => {
    const { open } = await import(/** @type {any} */ ('/pkg/index.js'));
    const repo = await open(name);
    const refs = [];
    for await (const ref of repo.refs()) refs.push(`${ref.name} ${ref.oid}`);
    const objects = [];
    for await (const { oid } of repo.objects()) objects.push(oid);
    await repo.close();
    return { refs, objects: objects.sort() };
  }, name);
}

test('a fetch shows what became of each ref in git’s words, and the views follow without a reload', async () => {
  const path = make('moving');
  const first = gitText(path, 'rev-parse', 'main');
  const second = commit(path, 'main', { 'second.txt': '2\n' }, first);
  for (const branch of ['topic', 'gone']) git(path, ['update-ref', `refs/heads/${branch}`, second]);
  await cloned('moving');
  git(repositories.folder, ['clone', '--quiet', '--bare', '-c', 'remote.origin.fetch=+refs/heads/*:refs/remotes/origin/*', path, 'oracle.git']);
  git(repositories.path('oracle'), ['fetch', '--quiet']);
  const page = await visit('moving/tree/refs%2Fremotes%2Forigin%2Fmain');
  await page.locator('#entries').getByText('second.txt').waitFor();

  const third = commit(path, 'main', { 'third.txt': '3\n' }, second);
  commit(path, 'topic', { 'other.txt': 'o\n' }, first);
  git(path, ['update-ref', '-d', 'refs/heads/gone']);
  git(path, ['update-ref', 'refs/heads/fresh', third]);
  git(path, ['-c', 'user.name=A', '-c', 'user.email=a@example.com', 'tag', '-a', '-m', 'The second', 'v2', third]);

  await act(page, 'fetch', async (sheet) => sheet.getByLabel(/prune/).check());
  assert.equal(await ended(page), '5 refs changed');
  assert.deepEqual(await changes(page), gitChanges(repositories.path('oracle'), '--prune'));

  // The revision that is looked at is the same, and shows what it is now.
  await page.locator('#entries').getByText('third.txt').waitFor();
  assert.equal(await page.locator('#picker bdi').innerText(), 'origin/main');
  assert.equal(await page.evaluate(() => document.activeElement?.id), 'fetch', 'the focus is where it was');
  await page.locator('#picker').click();
  await page.locator('#revisions [data-ref]').first().waitFor();
  const offered = await page.locator('#revisions [data-ref]').evaluateAll((items) => items.map((item) => item.getAttribute('data-ref')));
  assert.ok(offered.includes('refs/remotes/origin/fresh') && offered.includes('refs/tags/v2') && !offered.includes('refs/remotes/origin/gone'), offered.join());
  await page.keyboard.press('Escape');
  assert.equal(await page.evaluate(() => /** @type {any} */ (globalThis).sameDocument), true);

  // Each side of a change leads to its commits.
  await page.locator('.change[data-ref="refs/remotes/origin/topic"] .range a').last().click();
  await page.locator('#log').getByText('Change other.txt').waitFor();

  await act(page, 'fetch');
  assert.equal(await ended(page), 'Already up to date');
  assert.equal(await page.locator('.job .change').count(), 0);
  await page.close();
});

test('a shallow clone made with the form is deepened and then made whole', async () => {
  const path = make('deep');
  for (let at = 1; at < 8; at += 1) commit(path, 'main', { [`file${at}`]: `${at}\n` }, gitText(path, 'rev-parse', 'main'));
  const page = await browser.page(server.url('/#/clone'));
  await page.getByLabel('Repository URL').fill(server.url('/test/deep.git'));
  await page.getByText('Options').click();
  await page.getByLabel('Depth').fill('2');
  assert.equal(await page.getByLabel('Only that branch').isChecked(), true, 'as git does with a depth');
  await page.getByRole('button', { name: 'Clone', exact: true }).click();
  await page.waitForURL(/#\/r\/deep\/tree\/HEAD/);
  await page.goto(server.url('/#/r/deep/log/HEAD'));
  const commits = page.locator('#log .commit');
  await page.getByText('The history below was not cloned').waitFor();
  assert.equal(await commits.count(), 2);

  await act(page, 'deepen', async (sheet) => sheet.getByLabel('How many commits').fill('3'));
  assert.equal(await ended(page), 'The history reaches further back');
  await commits.nth(4).waitFor();
  assert.equal(await commits.count(), 5);

  await act(page, 'unshallow');
  assert.equal(await ended(page), 'The whole history is here');
  await commits.nth(7).waitFor();
  assert.equal(await commits.count(), Number(gitText(path, 'rev-list', '--count', 'main')));
  await page.locator('#fetch').click();
  await page.locator('#do-fetch').waitFor();
  assert.equal(await page.locator('#do-unshallow').count(), 0);
  await page.close();
});

test('files of a partial clone are downloaded when they are opened, or all at once, and say so when they cannot be', async () => {
  make('lazy');
  const page = await browser.page(server.url('/#/clone'), { expected: /net::ERR_|Failed to load resource/ });
  await page.getByLabel('Repository URL').fill(server.url('/partial/lazy.git'));
  await page.getByLabel('Contents').selectOption('blob:none');
  await page.getByRole('button', { name: 'Clone', exact: true }).click();
  await page.waitForURL(/#\/r\/lazy\/tree\/HEAD/);
  await page.locator('#partial').getByText('files are downloaded when they are opened').waitFor();
  await page.locator('#readme').getByText('# lazy').waitFor();

  await page.goto(server.url('/#/r/lazy/tree/HEAD/src'));
  await page.locator('#entries').getByText('a.txt').waitFor();
  await server.clearLog();
  await act(page, 'prefetch');
  assert.match(await ended(page), /^2 objects downloaded/);
  const asked = (await server.log()).filter((/** @type {any} */ entry) => entry.path.endsWith('/git-upload-pack'));
  assert.equal(asked.length, 1, 'one request for a whole directory');

  // Without the server, what came can be read, and what did not come says why it cannot.
  await server.fault({ pathContains: '/partial/' }, { kind: 'refuse' });
  await page.goto(server.url('/#/r/lazy/blob/HEAD/src/deep/b.txt'));
  await page.locator('#code').getByText('b', { exact: true }).waitFor();
  await page.goto(server.url('/#/r/lazy/blob/HEAD/other/c.txt'));
  const problem = page.locator('main .problem');
  await problem.getByText('This is still on the server').waitFor();
  assert.match(await problem.locator('.detail').innerText(), /^PromisedMissing/);
  await server.clearFaults();
  await problem.getByRole('button', { name: 'Try again' }).click();
  await page.locator('#code').getByText('c', { exact: true }).waitFor();
  await page.close();
});

test('opening a file of a partial clone can be cancelled, and tried again', async () => {
  const path = make('slow');
  commit(path, 'main', { 'large.bin': noise(400_000) }, gitText(path, 'rev-parse', 'main'));
  await cloned('slow', { filter: 'blob:none' }, 'partial');
  await server.slow(2000, 50);
  const page = await visit('slow/tree/HEAD/src');
  await page.goto(server.url('/#/r/slow/blob/HEAD/large.bin'));
  const note = page.locator('.downloading');
  await note.getByText('Downloading from the server').waitFor();
  await note.getByRole('button', { name: 'Cancel' }).click();
  await note.getByText('Cancelled').waitFor();
  await server.clearFaults();
  await note.getByRole('button', { name: 'Try again' }).click();
  await page.getByText('This is a binary file').waitFor();
  assert.equal(await page.locator('#facts').innerText(), '391 KiB');
  await page.close();
});

test('a fetch that is cancelled half way leaves the repository as it was', async () => {
  const path = make('halfway');
  await cloned('halfway');
  const page = await visit('halfway');
  const before = await inside(page, 'halfway');
  commit(path, 'main', { 'large.bin': noise(800_000) }, gitText(path, 'rev-parse', 'main'));
  await server.slow(2000, 50);
  await act(page, 'fetch');
  await page.locator('.job.running').getByText(/Receiving objects: .* KiB/).waitFor();
  // The rest of the page is of use meanwhile.
  await page.locator('#entries').getByText('src').click();
  await page.locator('#entries').getByText('a.txt').waitFor();
  await page.locator('.job.running').getByRole('button', { name: 'Cancel' }).click();
  assert.equal(await ended(page, 'cancelled'), 'Cancelled');
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), 'Cancelled', 'the focus did not fall off the page');
  await server.clearFaults();
  assert.deepEqual(await inside(page, 'halfway'), before);

  await act(page, 'fetch');
  assert.equal(await ended(page), '1 ref changed');
  assert.deepEqual((await inside(page, 'halfway')).objects, describe(path).objects);
  await page.close();
});

test('a fetch that needs a login asks for it, and says if it was refused', async () => {
  const path = make('guarded');
  await cloned('guarded', { headers: { authorization: `Basic ${Buffer.from('me:secret').toString('base64')}` } }, 'private');
  commit(path, 'main', { 'new.txt': 'n\n' }, gitText(path, 'rev-parse', 'main'));
  const page = await visit('guarded', { expected: /401/ });
  await act(page, 'fetch');
  const dialog = page.locator('dialog#credentials');
  for (const password of ['wrong', 'secret']) {
    await dialog.getByLabel('User name').fill('me');
    await dialog.getByLabel('Password or token').fill(password);
    await dialog.getByRole('button', { name: 'Log in' }).click();
    if (password === 'wrong') await dialog.getByText('The last login was refused').waitFor();
  }
  assert.equal(await ended(page), '1 ref changed');

  // Who gives up is told what was missing.
  await page.reload();
  await act(page, 'fetch');
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  await page.locator('.job.failed').getByText('The server asks for a login').waitFor();
  await page.close();
});

test('an error’s details can be copied with the requests that were made, and hold no login', async () => {
  make('told');
  await cloned('told', { headers: { authorization: `Basic ${Buffer.from('me:secret').toString('base64')}` } }, 'private');
  const page = await visit('told', { expected: /401/ });
  await act(page, 'fetch', async (sheet) => {
    await sheet.getByText('Connection').click();
    await sheet.getByLabel(/Record requests/).check();
  });
  const dialog = page.locator('dialog#credentials');
  await dialog.getByLabel('User name').fill('me');
  await dialog.getByLabel('Password or token').fill('hunter22');
  await dialog.getByRole('button', { name: 'Log in' }).click();
  await dialog.getByText('The last login was refused').waitFor();
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  assert.equal(await ended(page, 'failed'), 'Fetching failed');
  await page.evaluate(() => {
    // Headless Chromium has no clipboard without a permission.
    navigator.clipboard.writeText = async (text) => void Object.assign(globalThis, { copied: text });
  });
  await page.locator('.job').getByRole('button', { name: 'Copy details and requests' }).click();
  await page.getByRole('button', { name: 'Copied' }).waitFor();
  /** @type {string} */
  const copied = await page.evaluate(() => /** @type {any} */ (globalThis).copied);
  assert.match(copied, /AuthRejected/);
  assert.match(copied, /request: GET .*service=git-upload-pack/);
  assert.match(copied, /response: .*401/);
  for (const secret of ['hunter22', Buffer.from('me:hunter22').toString('base64')]) assert.ok(!copied.includes(secret), copied);
  await page.close();
});

test('a branch is pulled forward, and is left alone when it has diverged', async () => {
  const path = make('pulled');
  const first = gitText(path, 'rev-parse', 'main');
  await cloned('pulled');
  const second = commit(path, 'main', { 'second.txt': '2\n' }, first);
  const page = await visit('pulled');
  await act(page, 'fetch');
  await ended(page);
  assert.equal(await page.locator('#entries').getByText('second.txt').count(), 0, 'a fetch leaves local branches alone');
  await page.locator('.job').getByRole('button', { name: 'Pull main' }).click();
  await page.locator('.job.done').getByText('main moved forward by 1 commit').waitFor();
  await page.locator('#entries').getByText('second.txt').waitFor();

  commit(path, 'main', { 'elsewhere.txt': 'e\n' }, first);
  commit(path, 'main', { 'elsewhere.txt': 'f\n' }, gitText(path, 'rev-parse', 'main'));
  await act(page, 'pull');
  assert.equal(await ended(page), 'main and the server’s branch have diverged');
  await page.locator('.job').getByText('Here is 1 commit that the server’s branch has not, and there are 2 commits that are not in yours').waitFor();
  const { refs } = await inside(page, 'pulled');
  assert.ok(refs.includes(`refs/heads/main ${second}`), refs.join());
  assert.ok(refs.includes(`refs/remotes/origin/main ${gitText(path, 'rev-parse', 'main')}`), refs.join());
  await page.close();
});

test('cleaning up says what it saved, and nothing is lost', async () => {
  const path = make('untidy');
  await cloned('untidy');
  const page = await visit('untidy');
  for (let at = 0; at < 3; at += 1) {
    commit(path, 'main', { 'README.md': `# ${at}\n` }, gitText(path, 'rev-parse', 'main'));
    await act(page, 'fetch');
    assert.equal(await ended(page), '1 ref changed');
  }
  const before = await inside(page, 'untidy');
  await act(page, 'gc');
  assert.match(await ended(page), /saved$|^It was tidy already$/);
  assert.match(await page.locator('.job .facts').innerText(), new RegExp(`in 1 pack, ${describe(path).objects.length} objects`));
  assert.deepEqual(await inside(page, 'untidy'), before);
  await page.close();
});
