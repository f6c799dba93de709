// Differences of trees and of files in the browser, beside git's.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Browser } from './support/browser.mjs';
import { prepare } from './support/client.mjs';
import { git, gitText, Repositories } from './support/repos.mjs';
import { startServer } from './support/server.mjs';

/** @type {Awaited<ReturnType<typeof startServer>>} */ let server;
/** @type {Browser} */ let browser;
/** @type {import('playwright-core').Page} */ let page;
const repositories = new Repositories();
let repository = '';

before(async () => {
  const lines = Array.from({ length: 40 }, (_, number) => `line ${number}\n`).join('');
  // Each character is a byte.
  const inline = (/** @type {string} */ content) => `data ${content.length}\n${content}\n`;
  const commit = (/** @type {string} */ files) => `commit refs/heads/main\ncommitter C <c> 1700000000 +0000\n${inline('m\n')}deleteall\n${files}\n`;
  const file = (/** @type {string} */ path, /** @type {string} */ content, mode = '100644') => `M ${mode} inline ${path}\n${inline(content)}`;
  const stream =
    commit(file('src/a.txt', lines) + file('edited', lines) + file('gone', 'gone\n') + file('mode', 'x\n') + file('type', 'x\n') + file('binary', 'a\0b\n') + file('"od\\377d"', '1\n')) +
      commit(
        file('lib/a.txt', lines.replace('line 7', 'line seven')) +
          file('edited', `first\n${lines.replace('line 20\n', '  line 20\n')}last`) +
          file('new', 'new\n') +
          file('mode', 'x\n', '100755') +
          file('type', 'somewhere', '120000') +
          file('binary', 'a\0c\n') +
          file('"od\\377d"', 'caf\xe9\n'),
      );
  repository = repositories.make('diff', Buffer.from(stream, 'latin1'));
  server = await startServer({ git: repositories.folder });
  browser = await Browser.start();
  page = await browser.page(server.url('/e2e/blank.html'));
  await prepare(page);
  await page.evaluate(async (url) => {
    const { t } = /** @type {any} */ (globalThis);
    t.repo = await t.gitside.clone(url, 'diff', { storage: 'memory' });
    t.all = async (/** @type {AsyncIterable<any>} */ list) => {
      const items = [];
      for await (const item of list) items.push(item);
      return items;
    };
  }, server.url('/test/diff.git'));
});

after(async () => {
  await server?.stop();
  repositories.remove();
  await browser?.stop();
});

/** @typedef {import('gitside').Change} Change */

/** The change as `git diff-tree --raw -z` has it. @param {Change} change */
function raw(change) {
  const none = '0'.repeat(40);
  const letter = { added: 'A', deleted: 'D', modified: 'M', renamed: 'R', copied: 'C', 'type-changed': 'T' }[change.kind];
  const similarity = change.similarity === undefined ? '' : String(change.similarity).padStart(3, '0');
  const head = `:${change.oldMode ?? '000000'} ${change.newMode ?? '000000'} ${change.oldOid ?? none} ${change.newOid ?? none} ${letter}${similarity}`;
  return [head, ...(change.oldPath === undefined ? [] : [change.oldPath]), change.path];
}

test('changes are those of git diff-tree, with each option', async () => {
  const cases = [
    { options: {}, args: ['-M'] },
    { options: { renames: false }, args: ['--no-renames'] },
    { options: { renames: 100 }, args: ['-M100%'] },
    { options: { copies: true }, args: ['-C'] },
    { options: { copies: 'all', renameLimit: 0 }, args: ['-C', '-C', '-l0'] },
    { options: { paths: ['src', 'lib/', 'edited'] }, args: ['-M'], paths: ['src', 'lib/', 'edited'] },
  ];
  for (const { options, args, paths } of cases) {
    const ours = await page.evaluate((options) => {
      const { t } = /** @type {any} */ (globalThis);
      return t.all(t.repo.diff('main~', 'main', options));
    }, options);
    const gits = git(repository, ['diff-tree', '-r', '-z', '--raw', ...args, 'main~', 'main', '--', ...(paths ?? [])]);
    assert.deepEqual(ours.flatMap(raw), gits.toString('utf8').split('\0').slice(0, -1), JSON.stringify(options));
  }
});

test('everything was added to nothing, and a name that is not UTF-8 has its bytes', async () => {
  const found = await page.evaluate(async () => {
    const { t } = /** @type {any} */ (globalThis);
    const changes = await t.all(t.repo.diff(null, 'main'));
    return changes.map((/** @type {Change} */ { kind, path, pathBytes, oldOid }) => ({ kind, path, bytes: pathBytes && [...pathBytes], oldOid }));
  });
  const names = gitText(repository, 'ls-tree', '-r', '--name-only', '-z', 'main').split('\0').slice(0, -1);
  assert.deepEqual(found.map((/** @type {any} */ { path }) => path), names);
  assert.ok(found.every((/** @type {any} */ { kind, oldOid }) => kind === 'added' && oldOid === undefined));
  const odd = found.filter((/** @type {any} */ { bytes }) => bytes);
  assert.deepEqual(odd.map((/** @type {any} */ { bytes }) => bytes), [[0x6f, 0x64, 0xff, 0x64]]);
});

/** The hunks of a patch, without the names of functions. @param {string} patch */
function hunksOf(patch) {
  const lines = patch.split('\n').slice(0, -1);
  const first = lines.findIndex((line) => line.startsWith('@@'));
  return first < 0 ? [] : lines.slice(first).map((line) => line.replace(/^(@@ .* @@).*/, '$1'));
}

/** @param {import('gitside').FileDiff} diff */
function patchOf({ hunks }) {
  const range = (/** @type {number} */ start, /** @type {number} */ count) => (count === 1 ? `${start}` : `${start},${count}`);
  return hunks.flatMap(({ oldStart, oldLines, newStart, newLines, lines }) => [
    `@@ -${range(oldStart, oldLines)} +${range(newStart, newLines)} @@`,
    ...lines.flatMap(({ kind, text, noNewline }) => (noNewline ? [kind + text, '\\ No newline at end of file'] : [kind + text])),
  ]);
}

test('hunks are those of git diff, with each option', async () => {
  const cases = [
    { options: {}, args: [] },
    { options: { context: 0 }, args: ['-U0'] },
    { options: { context: 30, algorithm: 'histogram' }, args: ['-U30', '--histogram'] },
    { options: { ignoreWhitespace: true }, args: ['-w'] },
    { options: { ignoreWhitespace: 'change' }, args: ['-b'] },
    { options: { ignoreWhitespace: 'at-eol' }, args: ['--ignore-space-at-eol'] },
  ];
  for (const { options, args } of cases) {
    const ours = await page.evaluate(async (options) => {
      const { t } = /** @type {any} */ (globalThis);
      return t.repo.diffBlobs(await t.repo.resolve('main~:edited'), await t.repo.resolve('main:edited'), options);
    }, options);
    assert.equal(ours.binary, false);
    assert.deepEqual(patchOf(ours), hunksOf(gitText(repository, 'diff', ...args, 'main~:edited', 'main:edited') + '\n'), JSON.stringify(options));
  }
});

test('binary files have no hunks, a file without content is null, and bytes that are not UTF-8 are kept', async () => {
  const found = await page.evaluate(async () => {
    const { t } = /** @type {any} */ (globalThis);
    const oid = (/** @type {string} */ rev) => t.repo.resolve(rev);
    const tree = await t.all(t.repo.tree('main'));
    const odd = tree.find((/** @type {any} */ { pathBytes }) => pathBytes).oid;
    const { hunks } = await t.repo.diffBlobs(null, odd);
    return {
      binary: await t.repo.diffBlobs(await oid('main~:binary'), await oid('main:binary')),
      same: await t.repo.diffBlobs(await oid('main:mode'), await oid('main:mode')),
      gone: await t.repo.diffBlobs(await oid('main~:gone'), null),
      odd: [hunks[0].lines[0].text, [...hunks[0].lines[0].bytes]],
    };
  });
  assert.deepEqual(found.binary, { binary: true, hunks: [] });
  assert.deepEqual(found.same, { binary: false, hunks: [] });
  assert.deepEqual(found.gone.hunks, [{ oldStart: 1, oldLines: 1, newStart: 0, newLines: 0, lines: [{ kind: '-', text: 'gone' }] }]);
  assert.deepEqual(found.odd, ['caf\ufffd', [0x63, 0x61, 0x66, 0xe9]]);
});

test('what cannot be compared is refused with a code, and what is no option with a TypeError', async () => {
  const fates = await page.evaluate(async () => {
    const { t } = /** @type {any} */ (globalThis);
    const diff = (/** @type {any[]} */ ...args) => t.fate((async () => t.all(t.repo.diff(...args)))());
    const blobs = (/** @type {any[]} */ ...args) => t.fate(t.repo.diffBlobs(...args));
    const tree = await t.repo.resolve('main^{tree}');
    const fates = {
      rev: await diff('nowhere', 'main'),
      missing: await blobs(null, '1'.repeat(40)),
      oid: await blobs(null, 'main:edited'),
      tree: await blobs(null, tree),
      undefined: await diff(undefined, 'main'),
      renames: await diff(null, 'main', { renames: 0 }),
      copies: await diff(null, 'main', { copies: 'some' }),
      context: await blobs(null, null, { context: -1 }),
      space: await blobs(null, null, { ignoreWhitespace: 'some' }),
      aborted: await diff(null, 'main', { signal: AbortSignal.abort() }),
    };
    return Object.fromEntries(Object.entries(fates).map(([key, { error }]) => [key, typeof error?.code === 'string' ? error.code : error?.name]));
  });
  assert.deepEqual(fates, {
    rev: 'RefNotFound',
    missing: 'MissingObject',
    oid: 'InvalidRef',
    tree: 'InvalidRef',
    undefined: 'TypeError',
    renames: 'TypeError',
    copies: 'TypeError',
    context: 'TypeError',
    space: 'TypeError',
    aborted: 'AbortError',
  });
});
