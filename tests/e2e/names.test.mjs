// Names in a repository are never names in the page's objects.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Browser } from './support/browser.mjs';
import { prepare } from './support/client.mjs';
import { data, Repositories } from './support/repos.mjs';
import { startServer } from './support/server.mjs';

const NAMES = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf', '__defineGetter__', 'then', 'length'];

/** @type {Awaited<ReturnType<typeof startServer>>} */ let server;
/** @type {Browser} */ let browser;
const repositories = new Repositories();

before(async () => {
  const files = NAMES.flatMap((name) => [`M 100644 inline ${name}/${name}\n`, data(name), `M 100644 inline top-${name}\n`, data(name)]);
  const refs = NAMES.flatMap((name) => [`reset refs/heads/${name}\nfrom :1\n\n`, `tag ${name}\nfrom :1\ntagger ${name} <${name}> 1700000000 +0000\n${data(`${name}\n`)}`]);
  const commit = `commit refs/heads/main\nmark :1\ncommitter __proto__ <constructor> 1700000000 +0000\n${data('__proto__\n\nconstructor: polluted\n')}`;
  repositories.make('names', [commit, ...files, '\n', ...refs].join(''));
  server = await startServer({ git: repositories.folder });
  browser = await Browser.start();
});

after(async () => {
  await server?.stop();
  repositories.remove();
  await browser?.stop();
});

for (const worker of [true, false]) {
  test(`refs, paths and people named after object members are only names ${worker ? 'with' : 'without'} a Worker`, async () => {
    const page = await browser.page(server.url('/e2e/blank.html'));
    await prepare(page);
    const seen = await page.evaluate(
      async ([url, worker]) => {
        const { t } = /** @type {any} */ (globalThis);
        const keys = () => [Object.prototype, Array.prototype, Map.prototype, Promise.prototype, Function.prototype].map((prototype) => Reflect.ownKeys(prototype).map(String).sort());
        const before = keys();
        const repo = await t.gitside.clone(url, '__proto__', { worker });
        const refs = [];
        for await (const ref of repo.refs()) refs.push(ref.name);
        const paths = [];
        for await (const entry of repo.tree('HEAD', { recursive: true })) paths.push(entry.path);
        const top = [];
        for await (const entry of repo.tree('HEAD', { path: '__proto__' })) top.push(entry.path);
        const text = await (await repo.blob('HEAD', '__proto__/__proto__')).text();
        const { author, message } = await repo.readCommit('__proto__^0');
        const tag = await repo.readTag('refs/tags/constructor');
        const names = await t.names();
        await repo.close();
        await t.gitside.remove('__proto__', { worker });
        const after = keys();
        return { refs, paths, top, text, author, message, tagger: tag.tagger?.name, names, polluted: /** @type {any} */ ({}).polluted, same: JSON.stringify(before) === JSON.stringify(after) };
      },
      /** @type {const} */ ([server.url('/test/names.git'), worker]),
    );
    for (const name of NAMES) {
      assert.ok(seen.refs.includes(`refs/remotes/origin/${name}`), `branch ${name} in ${seen.refs}`);
      assert.ok(seen.refs.includes(`refs/tags/${name}`), `tag ${name}`);
      assert.ok(seen.paths.includes(`${name}/${name}`), `path ${name} in ${seen.paths}`);
    }
    assert.equal(seen.paths.length, NAMES.length * 2);
    assert.equal(seen.text, '__proto__');
    assert.deepEqual([seen.author.name, seen.author.email, seen.tagger], ['__proto__', 'constructor', 'constructor']);
    assert.equal(seen.message, '__proto__\n\nconstructor: polluted\n');
    assert.deepEqual(seen.names, ['__proto__']);
    assert.equal(seen.polluted, undefined);
    assert.ok(seen.same, 'no prototype gained or lost a member');
    await page.close();
  });
}
