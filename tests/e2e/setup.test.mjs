// Empty repositories, settings, remotes and reflogs, in storage on the disk.

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
  const commit = (/** @type {string} */ text) => `commit refs/heads/main\ncommitter C <c> 1700000000 +0000\n${data(text)}\n`;
  repositories.make('small', commit('one\n') + commit('two\n'));
  server = await startServer({ git: repositories.folder });
  browser = await Browser.start();
});

after(async () => {
  await server?.stop();
  repositories.remove();
  await browser?.stop();
});

for (const worker of [true, false]) {
  const how = worker ? 'with' : 'without';

  test(`settings and remotes of a new repository outlive the page ${how} a Worker`, async () => {
    const page = await browser.page(server.url('/e2e/blank.html'));
    await prepare(page);
    const name = `new ${worker}`;
    const made = await page.evaluate(
      async ([name, worker]) => {
        const { t } = /** @type {any} */ (globalThis);
        const repo = await t.gitside.init(name, { worker, defaultBranch: 'trunk' });
        await repo.config.set('user.name', 'Ä "quoted" # name');
        await repo.config.set('branch.a.b.Merge', 'refs/heads/x');
        await repo.remotes.add('origin', 'https://me:secret@host.example/x.git', { tags: 'none', track: ['main', 'v*'] });
        await repo.remotes.add('other', new URL('https://host.example/y.git'));
        await repo.remotes.set('other', 'https://host.example/push', { push: true });
        const fates = {
          taken: await t.fate(t.gitside.init(name, { worker })),
          branch: await t.fate(t.gitside.init('bad', { worker, defaultBranch: 'a b' })),
          twice: await t.fate(repo.remotes.add('other', 'https://host.example/')),
          unknown: await t.fate(repo.remotes.remove('none')),
          key: await t.fate(repo.config.set('nodot', 'x')),
          url: await t.fate(repo.remotes.set('other', 'https://')),
          type: await t.fate(repo.config.set('a.b', 7)),
        };
        const head = await t.fate(repo.resolve('HEAD'));
        await repo.close();
        return { fates, head };
      },
      /** @type {const} */ ([name, worker]),
    );
    const codes = Object.fromEntries(Object.entries(made.fates).map(([key, { error }]) => [key, error?.code ?? error?.name]));
    assert.deepEqual(codes, { taken: 'AlreadyExists', branch: 'InvalidRef', twice: 'AlreadyExists', unknown: 'NotFound', key: 'Unsupported', url: 'InvalidUrl', type: 'TypeError' });
    assert.equal(made.head.error.code, 'RefNotFound');
    await page.reload();
    await prepare(page);
    const seen = await page.evaluate(
      async ([name, worker]) => {
        const { t } = /** @type {any} */ (globalThis);
        const repo = await t.gitside.open(name, { worker });
        const log = [];
        for await (const entry of repo.reflog()) log.push(entry);
        const before = { name: await repo.config.get('USER.name'), none: await repo.config.get('user.none'), fetch: await repo.config.getAll('remote.origin.fetch'), all: [...(await repo.config.all())], remotes: await repo.remotes.list(), log };
        const urls = [];
        for await (const info of t.gitside.list({ worker })) if (info.name === name) urls.push(info.url);
        await repo.config.set('user.name', null);
        await repo.remotes.remove('origin');
        for await (const info of t.gitside.list({ worker })) if (info.name === name) urls.push(info.url);
        const after = { name: await repo.config.get('user.name'), remotes: (await repo.remotes.list()).map((/** @type {any} */ remote) => remote.name) };
        await t.gitside.remove(name, { worker }).catch(() => {});
        return { before, after, urls };
      },
      /** @type {const} */ ([name, worker]),
    );
    const track = ['+refs/heads/main:refs/remotes/origin/main', '+refs/heads/v*:refs/remotes/origin/v*'];
    assert.equal(seen.before.name, 'Ä "quoted" # name');
    assert.equal(seen.before.none, undefined);
    assert.deepEqual(seen.before.fetch, track);
    assert.deepEqual(seen.before.log, []);
    assert.deepEqual(seen.before.remotes, [
      { name: 'origin', urls: ['https://host.example/x.git'], pushUrls: ['https://host.example/x.git'], fetch: track },
      { name: 'other', urls: ['https://host.example/y.git'], pushUrls: ['https://host.example/push'], fetch: ['+refs/heads/*:refs/remotes/other/*'] },
    ]);
    const all = new Map(seen.before.all);
    assert.deepEqual(all.get('branch.a.b.merge'), ['refs/heads/x']);
    assert.deepEqual(all.get('remote.origin.tagopt'), ['--no-tags']);
    assert.ok(!JSON.stringify(seen).includes('secret'), 'the login is stored nowhere');
    assert.deepEqual(seen.after, { name: undefined, remotes: ['other'] });
    assert.deepEqual(seen.urls, ['https://host.example/x.git', 'https://host.example/y.git']);
    await page.close();
  });

  test(`a clone tells in its reflogs where it is from ${how} a Worker`, async () => {
    const page = await browser.page(server.url('/e2e/blank.html'));
    await prepare(page);
    const url = server.url('/test/small.git');
    const seen = await page.evaluate(
      async ([url, worker]) => {
        const { t } = /** @type {any} */ (globalThis);
        const name = `log ${worker}`;
        const repo = await t.gitside.clone(url, name, { worker });
        /** @type {Record<string, any[]>} */
        const logs = {};
        for (const ref of ['HEAD', 'main', 'origin/HEAD', 'origin/main']) {
          logs[ref] = [];
          for await (const entry of repo.reflog(ref, { limit: 5 })) logs[ref]?.push(entry);
        }
        const none = await t.fate((async () => { for await (const entry of repo.reflog('nothing')) void entry; })());
        const head = await repo.resolve('HEAD');
        const same = [await repo.resolve('HEAD@{0}'), await repo.resolve('@{upstream}')];
        await repo.close();
        await t.gitside.remove(name, { worker });
        return { logs, none, head, same };
      },
      /** @type {const} */ ([url, worker]),
    );
    for (const ref of ['HEAD', 'main', 'origin/HEAD']) {
      const [entry, ...others] = seen.logs[ref] ?? [];
      assert.deepEqual(others, [], ref);
      assert.ok(Math.abs(entry.timestamp - Date.now() / 1000) < 600, ref);
      assert.deepEqual(entry, { old: null, new: seen.head, name: '', email: '', timestamp: entry.timestamp, tz: '+0000', message: `clone: from ${url}` });
    }
    assert.deepEqual(seen.logs['origin/main'], []);
    assert.equal(seen.none.error.code, 'RefNotFound');
    assert.deepEqual(seen.same, [seen.head, seen.head]);
    await page.close();
  });
}
