// Objects, commits and refs written in the browser, in storage on the disk, beside git's.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import { Browser } from './support/browser.mjs';
import { prepare } from './support/client.mjs';
import { data, gitText, Repositories } from './support/repos.mjs';
import { startServer } from './support/server.mjs';

/** @type {Awaited<ReturnType<typeof startServer>>} */ let server;
/** @type {Browser} */ let browser;
const repositories = new Repositories();
/** @type {string} */ let git;

const SIGNATURE = '-----BEGIN SSH SIGNATURE-----\nU1NIU0lH\n-----END SSH SIGNATURE-----\n';

before(async () => {
  const who = (/** @type {number} */ at) => `author Ada <ada@example.org> ${at} +0200\ncommitter Ada <ada@example.org> ${at} +0200\n`;
  git = repositories.make(
    'written',
    [
      `commit refs/heads/main\nmark :1\n${who(1_700_000_000)}${data('One\n')}`,
      `M 100644 inline text.txt\n${data('text\n')}M 100755 inline bin/run\n${data('#!/bin/sh\n')}M 100644 inline bin/blob\n${data('blob')}`,
      `commit refs/heads/main\nmark :2\n${who(1_700_000_060)}${data('Two\n')}from :1\n`,
      `R bin tools\nM 120000 inline link\n${data('tools/run')}D text.txt\n`,
      `tag v1\nfrom :2\ntagger Ada <ada@example.org> 1700000060 +0200\n${data('First\n')}`,
    ].join(''),
  );
  server = await startServer({ git: repositories.folder });
  browser = await Browser.start();
});

after(async () => {
  await server?.stop();
  repositories.remove();
  await browser?.stop();
});

/** Bytes that compress, now more and now less. @param {number} number */
const piece = (number) => Uint8Array.from({ length: 1 << 16 }, (_, at) => (at * (number + 7)) % (number % 2 ? 251 : 5));

for (const worker of [true, false]) {
  const how = worker ? 'with' : 'without';

  test(`a stream and a Blob of many megabytes are written ${how} a Worker, piece by piece`, async () => {
    const page = await browser.page(server.url('/e2e/blank.html'));
    await prepare(page);
    const made = await page.evaluate(
      async ([name, worker, source]) => {
        const { t } = /** @type {any} */ (globalThis);
        const piece = /** @type {(number: number) => Uint8Array} */ (new Function(`return ${source}`)());
        const repo = await t.gitside.init(name, { worker });
        let [given, cancelled] = [0, 0];
        const stream = (/** @type {number} */ count, /** @type {(controller: any) => void} */ end) => {
          let next = 0;
          return new ReadableStream(
            {
              pull: (controller) => (next < count ? controller.enqueue(piece((given += 1, next++))) : end(controller)),
              cancel: () => void (cancelled += 1),
            },
            { highWaterMark: 0 },
          );
        };
        const oid = await repo.writeBlob(stream(150, (controller) => controller.close()));
        const again = await repo.writeBlob(new Blob(Array.from({ length: 150 }, (_, number) => piece(number))));
        let size = 0;
        for await (const bytes of (await repo.blob(oid)).stream()) size += bytes.length;
        const unplugged = await repo.writeBlob(stream(140, () => { throw new Error('unplugged'); })).catch((/** @type {Error} */ error) => error.message);
        const controller = new AbortController();
        given = 0;
        const endless = stream(Infinity, () => {});
        const aborting = repo.writeBlob(endless, { signal: controller.signal }).catch((/** @type {unknown} */ reason) => reason);
        while (given < 200) await new Promise((resolve) => setTimeout(resolve));
        controller.abort('enough');
        const aborted = await aborting;
        const words = await repo.writeBlob(new ReadableStream({ start: (controller) => (controller.enqueue('text'), controller.close()) })).catch((/** @type {Error} */ error) => error.name);
        const { objects, packs } = await repo.usage();
        await repo.close();
        return { oid, again, size, unplugged, aborted, words, cancelled, objects, packs };
      },
      /** @type {const} */ ([`streamed ${worker}`, worker, piece.toString()]),
    );
    const content = Buffer.concat(Array.from({ length: 150 }, (_, number) => piece(number)));
    const oid = execFileSync('git', ['hash-object', '--stdin'], { input: content, encoding: 'utf8' }).trim();
    assert.deepEqual(made, {
      ...{ oid, again: oid, size: content.length, unplugged: 'unplugged', aborted: 'enough', words: 'TypeError' },
      // The endless one.
      ...{ cancelled: 1, objects: 1, packs: 1 },
    });
  });

  test(`what is written ${how} a Worker is what git writes, and is there after a reload`, async () => {
    const page = await browser.page(server.url('/e2e/blank.html'));
    await prepare(page);
    const name = `written ${worker}`;
    const made = await page.evaluate(
      async ([name, worker]) => {
        const { t } = /** @type {any} */ (globalThis);
        const repo = await t.gitside.init(name, { worker });
        const author = (/** @type {number} */ timestamp) => ({ name: ' Ada,', email: '<ada@example.org>', timestamp, tz: '+0200' });
        const first = await repo.commit('main', {
          message: 'One  \n\n\n',
          author: author(1_700_000_000),
          committer: author(1_700_000_000),
          expect: null,
          changes: [
            { path: 'text.txt', content: 'text\n' },
            { path: new TextEncoder().encode('bin/run'), content: new TextEncoder().encode('#!/bin/sh\n'), mode: '100755' },
            { path: 'bin/blob', content: new Blob(['blob']) },
          ],
        });
        const second = await repo.commit('refs/heads/main', {
          message: 'Two\n',
          author: author(1_700_000_060),
          committer: author(1_700_000_060),
          expect: first,
          changes: [
            { path: 'bin', rename: 'tools' },
            { path: 'link', content: new Blob(['tools/', 'run']).stream(), mode: '120000' },
            { path: 'text.txt', delete: true },
          ],
        });
        const tag = await repo.writeTag({ object: second, name: 'v1', tagger: author(1_700_000_060), message: 'First' });
        await repo.updateRefs([{ name: 'refs/tags/v1', new: tag, old: null }]);
        const blob = await repo.writeBlob(new Uint8Array([0, 255]));
        const entries = [];
        for await (const entry of repo.tree('main', { recursive: true })) entries.push(entry);
        const tree = await repo.writeTree(entries);
        const commit = await repo.writeCommit({ tree, parents: ['main~1'], author: author(1_700_000_060), message: 'Two\n' });
        await repo.close();
        return { first, second, tag, blob, tree, commit };
      },
      /** @type {const} */ ([name, worker]),
    );
    assert.equal(made.second, gitText(git, 'rev-parse', 'main'));
    assert.equal(made.first, gitText(git, 'rev-parse', 'main~1'));
    assert.equal(made.tag, gitText(git, 'rev-parse', 'v1'));
    assert.equal(made.tree, gitText(git, 'rev-parse', 'main^{tree}'));
    assert.notEqual(made.commit, made.second, 'its committer is of now');
    await page.reload();
    await prepare(page);
    const seen = await page.evaluate(
      async ([name, worker, blob, commit]) => {
        const { t } = /** @type {any} */ (globalThis);
        const repo = await t.gitside.open(name, { worker });
        const all = await t.describe(repo, true);
        const log = [];
        for await (const entry of repo.reflog('main')) log.push(entry.message);
        const bytes = [...(await (await repo.object(blob)).bytes())];
        const { committer, author } = await repo.readCommit(commit);
        await repo.close();
        await t.gitside.remove(name, { worker });
        return { all, log, bytes, committer, author };
      },
      /** @type {const} */ ([name, worker, made.blob, made.commit]),
    );
    assert.deepEqual(seen.all.refs, [`HEAD ${made.second}`, `refs/heads/main ${made.second}`, `refs/tags/v1 ${made.tag}`]);
    assert.deepEqual(seen.log, ['commit: Two', 'commit (initial): One']);
    assert.deepEqual(seen.bytes, [0, 255]);
    assert.equal(seen.author.timestamp, 1_700_000_060);
    assert.ok(Math.abs(seen.committer.timestamp - Date.now() / 1000) < 600);
    await page.close();
  });

  test(`commits are signed, amended, refused and lost to others ${how} a Worker`, async () => {
    const page = await browser.page(server.url('/e2e/blank.html'));
    await prepare(page);
    const seen = await page.evaluate(
      async ([worker, signature]) => {
        const { t } = /** @type {any} */ (globalThis);
        const repo = await t.gitside.init('signed', { worker, storage: 'memory' });
        await repo.config.set('user.name', 'Ada');
        await repo.config.set('user.email', 'ada@example.org');
        let payload = '';
        const sign = async (/** @type {Uint8Array} */ bytes) => {
          payload = new TextDecoder().decode(bytes);
          return signature;
        };
        const first = await repo.commit('main', { message: 'One', changes: [{ path: 'a', content: '1' }], sign });
        const raw = new TextDecoder().decode(await (await repo.object(first)).bytes());
        const read = (await repo.readCommit(first)).gpgsig;
        const amended = await repo.commit('main', { amend: true, changes: [{ path: 'b', content: '2' }] });
        const { message, parents, gpgsig } = await repo.readCommit(amended);
        const change = { message: 'x', changes: [{ path: 'c', content: '3' }] };
        const fates = {
          raced: await t.fate(repo.commit('main', { ...change, expect: first })),
          there: await t.fate(repo.commit('main', { ...change, expect: null })),
          empty: await t.fate(repo.commit('main', { message: 'x' })),
          message: await t.fate(repo.commit('main', { ...change, message: ' \n' })),
          thrown: await t.fate(repo.commit('main', { ...change, sign: () => { throw new RangeError('no key'); } })),
          unsigned: await t.fate(repo.commit('main', { ...change, sign: () => 'no signature' })),
          type: await t.fate(repo.commit('main', { ...change, sign: () => 7 })),
          path: await t.fate(repo.commit('main', { message: 'x', changes: [{ path: 'd/.GIT/config', content: '' }] })),
          gone: await t.fate(repo.commit('main', { message: 'x', changes: [{ path: 'd', delete: true }] })),
          both: await t.fate(repo.commit('main', { message: 'x', changes: [{ path: 'a/b', content: '' }] })),
          missing: await t.fate(repo.writeTree([{ path: 'x', mode: '100644', oid: '1'.repeat(40) }])),
          ways: await t.fate(repo.commit('main', { message: 'x', changes: [{ path: 'a', content: '', delete: true }] })),
          mode: await t.fate(repo.commit('main', { message: 'x', changes: [{ path: 'a', mode: '100664' }] })),
          oid: await t.fate(repo.updateRefs([{ name: 'refs/heads/x', new: 'main' }])),
          expect: await t.fate(repo.commit('main', { ...change, expect: 'main' })),
          ref: await t.fate(repo.updateRefs([{ name: 'refs/heads/x', new: amended }, { name: 'refs/heads/main', new: null, old: first }])),
        };
        const after = await t.describe(repo);
        await repo.close();
        return { payload, raw, read, first, amended, message, parents, gpgsig, fates, after };
      },
      /** @type {const} */ ([worker, SIGNATURE]),
    );
    const folded = `gpgsig ${SIGNATURE.trimEnd().replaceAll('\n', '\n ')}\n`;
    assert.equal(seen.raw.replace(folded, ''), seen.payload);
    assert.equal(seen.read, SIGNATURE.trimEnd());
    assert.deepEqual([seen.message, seen.parents, seen.gpgsig], ['One\n', [], undefined]);
    const { raced, thrown, ...others } = seen.fates;
    assert.deepEqual(raced.error.data, { ref: 'refs/heads/main', expected: seen.first, found: seen.amended });
    assert.deepEqual([thrown.error.name, thrown.error.message], ['RangeError', 'no key']);
    const codes = Object.fromEntries(Object.entries(others).map(([key, { error }]) => [key, error?.code ?? error?.name]));
    assert.deepEqual(codes, {
      there: 'RefConflict',
      empty: 'Unsupported',
      message: 'Unsupported',
      unsigned: 'Unsupported',
      type: 'TypeError',
      path: 'Unsupported',
      gone: 'NotFound',
      both: 'AlreadyExists',
      missing: 'MissingObject',
      ways: 'TypeError',
      mode: 'TypeError',
      oid: 'TypeError',
      expect: 'TypeError',
      ref: 'RefConflict',
    });
    assert.equal(seen.fates.empty.error.data.reason, 'empty');
    assert.deepEqual(seen.after.refs, [`HEAD ${seen.amended}`, `refs/heads/main ${seen.amended}`]);
    await page.close();
  });

  test(`branches and tags are made, renamed and deleted ${how} a Worker`, async () => {
    const page = await browser.page(server.url('/e2e/blank.html'));
    await prepare(page);
    const seen = await page.evaluate(
      async ([worker, url, signature]) => {
        const { t } = /** @type {any} */ (globalThis);
        const repo = await t.gitside.clone(url, 'refs', { worker, storage: 'memory' });
        const tip = await repo.resolve('main');
        const author = { name: 'Ada', email: 'ada@example.org' };
        const made = await repo.branches.create('topic', 'origin/main');
        const follows = [await repo.config.get('branch.topic.remote'), await repo.config.get('branch.topic.merge')];
        await repo.branches.rename('topic', 'feature/x');
        const moved = await repo.config.get('branch.feature/x.remote');
        await repo.branches.create('old', 'main~1', { track: false });
        const light = await repo.tags.create('light');
        const sign = async () => signature;
        const heavy = await repo.tags.create('heavy', 'main~1', { message: 'Two', tagger: author, sign });
        const signed = await repo.readSignature('heavy');
        const unsigned = await repo.readSignature('main');
        const { message, gpgsig } = await repo.readTag('heavy');
        await repo.commit('feature/x', { message: 'x', author, changes: [{ path: 'x', content: '' }] });
        const fates = {
          exists: await t.fate(repo.branches.create('old')),
          renamed: await t.fate(repo.branches.rename('old', 'main')),
          none: await t.fate(repo.branches.rename('none', 'other')),
          head: await t.fate(repo.branches.delete('main')),
          unmerged: await t.fate(repo.branches.delete('feature/x')),
          moved: await t.fate(repo.branches.delete('old', { expect: tip })),
          tag: await t.fate(repo.tags.create('light', 'main')),
          name: await t.fate(repo.tags.create('a b')),
          gone: await t.fate(repo.tags.delete('none')),
          type: await t.fate(repo.branches.create(7)),
        };
        await repo.branches.delete('old');
        await repo.branches.delete('feature/x', { force: true });
        await repo.tags.delete('light', { expect: tip });
        await repo.updateRefs([{ name: 'HEAD', symbolic: 'refs/heads/none' }]);
        const refs = [];
        for await (const ref of repo.refs()) refs.push(`${ref.name} ${ref.oid}`);
        const settings = await repo.config.get('branch.feature/x.remote');
        await repo.close();
        const payload = new TextDecoder().decode(signed.payload);
        return { tip, made, follows, moved, light, heavy, payload, signature: signed.signature, unsigned, message, gpgsig, fates, refs, settings };
      },
      /** @type {const} */ ([worker, server.url('/test/written.git'), SIGNATURE]),
    );
    assert.deepEqual([seen.made, seen.light], [seen.tip, seen.tip]);
    assert.deepEqual([seen.follows, seen.moved], [['origin', 'refs/heads/main'], 'origin']);
    assert.match(seen.payload, /^object [0-9a-f]{40}\ntype commit\ntag heavy\ntagger Ada <ada@example\.org> \d+ [+-]\d{4}\n\nTwo\n$/);
    assert.deepEqual([seen.signature, seen.gpgsig, seen.message], [SIGNATURE, SIGNATURE, 'Two\n']);
    assert.equal(seen.unsigned, undefined);
    const codes = Object.fromEntries(Object.entries(seen.fates).map(([key, { error }]) => [key, error?.code ?? error?.name]));
    assert.deepEqual(codes, {
      exists: 'AlreadyExists',
      renamed: 'AlreadyExists',
      none: 'RefNotFound',
      head: 'Unsupported',
      unmerged: 'Unsupported',
      moved: 'RefConflict',
      tag: 'AlreadyExists',
      name: 'InvalidRef',
      gone: 'RefNotFound',
      type: 'TypeError',
    });
    assert.deepEqual([seen.fates.head.error.data.reason, seen.fates.unmerged.error.data.reason], ['head', 'unmerged']);
    const names = seen.refs.map((/** @type {string} */ line) => line.split(' ')[0]);
    assert.deepEqual(names, ['refs/heads/main', 'refs/remotes/origin/HEAD', 'refs/remotes/origin/main', 'refs/tags/heavy', 'refs/tags/v1']);
    assert.equal(seen.settings, undefined);
    await page.close();
  });
}
