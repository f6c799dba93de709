// What crosses between the page and the Worker: text of any kind arrives as it is, and many calls at
// the same time cost few messages.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import { Browser } from './support/browser.mjs';
import { prepare } from './support/client.mjs';
import { Repositories } from './support/repos.mjs';
import { startServer } from './support/server.mjs';

/** Every byte but NUL, and what JSON and JavaScript treat alike and do not. */
const BYTES = Buffer.from(Array.from({ length: 255 }, (_, byte) => byte + 1));
const TEXT = `"quoted" \\ back / \u0001\u001f\u007f\t\u2028\u2029 \ud83d\ude00 é {}[],:`;

/** @type {Awaited<ReturnType<typeof startServer>>} */ let server;
/** @type {Browser} */ let browser;
/** @type {import('playwright-core').Page} */ let page;
const repositories = new Repositories();
let folder = '';

before(async () => {
  const data = (/** @type {Buffer} */ bytes) => Buffer.concat([Buffer.from(`data ${bytes.length}\n`), bytes, Buffer.from('\n')]);
  const quoted = (/** @type {Buffer} */ bytes) => `"${[...bytes].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('')}"`;
  const person = TEXT.replaceAll(/[<>\n]/g, '');
  const parts = [
    Buffer.from(`commit refs/heads/main\nmark :1\nauthor ${person} <${person}> 1700000000 -0330\ncommitter C <c@example.com> 1700000001 +0000\n`),
    data(Buffer.concat([Buffer.from(TEXT), BYTES])),
    ...[Buffer.from(TEXT), BYTES].map((name) => Buffer.from(`M 100644 inline ${quoted(Buffer.concat([Buffer.from('odd/'), name.filter((byte) => byte !== 0x2f)]))}\ndata 1\nx\n`)),
    ...Array.from({ length: 3000 }, (_, n) => Buffer.from(`M 100644 inline many/${n % 7}/${n}\ndata 1\nx\n`)),
    Buffer.from('\ncommit refs/heads/main\nmark :2\ncommitter C <c@example.com> 1700000002 +0000\nencoding ISO-8859-1\n'),
    data(Buffer.from('caf\xe9\n', 'latin1')),
    Buffer.from('from :1\n\ntag annotated\nfrom :2\ntagger '),
    Buffer.from(`${person} <t@example.com> 1700000003 +0100\n`),
    data(Buffer.from(`${TEXT}\n`)),
  ];
  folder = repositories.make('odd', /** @type {any} */ (Buffer.concat(parts)));
  server = await startServer({ git: repositories.folder });
  browser = await Browser.start();
  page = await browser.page(server.url('/e2e/blank.html'));
  await prepare(page);
});

after(async () => {
  await server?.stop();
  repositories.remove();
  await browser?.stop();
});

/** @param {string[]} args */
const git = (...args) => execFileSync('git', ['-C', folder, ...args], { maxBuffer: 1 << 26 });

test('commits, tags and trees are told as git has them, whatever characters they are made of', async () => {
  for (const worker of [true, false]) {
    const seen = await page.evaluate(
      async ([url, worker]) => {
        const { t } = /** @type {any} */ (globalThis);
        const repo = await t.gitside.clone(url, `odd-${worker}`, { worker });
        const entries = [];
        for await (const { pathBytes, ...entry } of repo.tree('HEAD', { recursive: true })) {
          entries.push({ ...entry, bytes: [...(pathBytes ?? new TextEncoder().encode(entry.path))], isBytes: pathBytes instanceof Uint8Array });
        }
        const log = [];
        for await (const commit of repo.log('HEAD')) log.push(commit);
        const one = await repo.readCommit('HEAD^');
        const tag = await repo.readTag('annotated');
        return { entries, log, one, tag };
      },
      /** @type {const} */ ([server.url('/test/odd.git'), worker]),
    );
    const shown = (/** @type {any} */ { mode, type, oid, bytes }) => Buffer.concat([Buffer.from(`${mode} ${type} ${oid}\t`), Buffer.from(bytes)]).toString('latin1');
    const listed = git('ls-tree', '-rz', 'HEAD').toString('latin1').split('\0').filter(Boolean);
    assert.deepEqual(seen.entries.map(shown), listed);
    assert.equal(seen.entries.filter((/** @type {any} */ { isBytes }) => isBytes).length, 1);
    const decoder = new TextDecoder();
    const told = (/** @type {string} */ format, /** @type {string} */ rev) => decoder.decode(git('-c', 'i18n.logOutputEncoding=UTF-8', 'log', '-1', `--format=${format}`, rev)).slice(0, -1);
    const [newest, oldest] = seen.log;
    assert.equal(seen.log.length, 2);
    assert.equal(newest.message, 'café\n');
    assert.equal(newest.encoding, 'ISO-8859-1');
    assert.deepEqual(newest.parents, [told('%H', 'HEAD^')]);
    assert.deepEqual(seen.one, oldest);
    assert.deepEqual(Object.keys(oldest), ['oid', 'tree', 'parents', 'author', 'committer', 'message']);
    const raw = git('cat-file', 'commit', 'HEAD^');
    assert.equal(oldest.message, decoder.decode(raw.subarray(raw.indexOf('\n\n') + 2)));
    const { author } = oldest;
    assert.deepEqual([author.name, author.email, author.timestamp, author.tz], [told('%an', 'HEAD^'), told('%ae', 'HEAD^'), 1_700_000_000, '-0330']);
    assert.equal(seen.tag.message, `${TEXT}\n`);
    assert.deepEqual([seen.tag.type, seen.tag.name, seen.tag.tagger.tz], ['commit', 'annotated', '+0100']);
  }
});

test('calls that are made together are sent together, and one that cannot be sent fails alone', async () => {
  const seen = await page.evaluate(async (url) => {
    const { t } = /** @type {any} */ (globalThis);
    let [sent, received] = [0, 0];
    const start = () => {
      const worker = new Worker('/pkg/worker.js', { type: 'module' });
      const post = worker.postMessage;
      worker.postMessage = (/** @type {any[]} */ ...args) => {
        sent += 1;
        post.apply(worker, /** @type {any} */ (args));
      };
      worker.addEventListener('message', () => (received += 1));
      return worker;
    };
    const repo = await t.gitside.clone(url, 'together', { worker: start });
    const head = (await repo.readCommit('HEAD')).oid;
    [sent, received] = [0, 0];
    const commits = await Promise.all(Array.from({ length: 500 }, () => repo.readCommit(head)));
    const counted = { sent, received, all: commits.every(({ oid }) => oid === head) };
    // Memory that several threads share goes to no other thread from a page that is not isolated.
    const shared = new Uint8Array(new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }).buffer);
    const calls = [t.fate(repo.writeBlob(shared))];
    for (let turn = 0; turn < 20; turn += 1) {
      calls.push(t.fate(repo.resolve('HEAD')));
      await null;
    }
    const fates = await Promise.all(calls);
    return { head, counted, refused: fates[0].error, others: fates.slice(1).map(({ ok }) => ok) };
  }, server.url('/test/odd.git'));
  assert.equal(seen.counted.sent, 1);
  assert.ok(seen.counted.received <= 250, `${seen.counted.received} messages`);
  assert.ok(seen.counted.all);
  assert.equal(seen.refused.code, 'Internal');
  assert.deepEqual(seen.others, Array(20).fill(seen.head));
});
