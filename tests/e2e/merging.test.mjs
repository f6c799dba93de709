// Merges, picks and reverts in the browser, beside git's.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Browser } from './support/browser.mjs';
import { prepare } from './support/client.mjs';
import { data, gitText, Repositories } from './support/repos.mjs';
import { startServer } from './support/server.mjs';

/** @type {Awaited<ReturnType<typeof startServer>>} */ let server;
/** @type {Browser} */ let browser;
const repositories = new Repositories();
/** @type {string} */ let git;

const LINES = Array.from({ length: 12 }, (_, line) => `line ${line}\n`);
const text = (/** @type {Record<number, string>} */ changes) => Object.assign([...LINES], changes).join('');

before(async () => {
  const commit = (/** @type {string} */ branch, /** @type {number} */ mark, /** @type {string} */ rest) =>
    `commit refs/heads/${branch}\nmark :${mark}\ncommitter Ada <ada@example.org> ${1_700_000_000 + mark} +0000\n${data(`${branch}\n`)}${rest}\n`;
  const file = (/** @type {string} */ path, /** @type {string} */ content) => `M 100644 inline ${path}\n${data(content)}`;
  git = repositories.make(
    'merged',
    [
      commit('base', 1, file('dir/f.txt', text({})) + file('g.txt', 'g\n')),
      commit('main', 2, `from :1\n${file('dir/f.txt', text({ 0: 'first\n' }))}`),
      commit('apart', 3, `from :1\nD dir/f.txt\n${file('moved/f.txt', text({ 11: 'last\n' }))}`),
      commit('against', 4, `from :1\n${file('dir/f.txt', text({ 0: 'other\n' }))}D g.txt\n`),
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

for (const worker of [true, false]) {
  test(`branches are merged, picked and reverted ${worker ? 'with' : 'without'} a Worker as git does`, async () => {
    const page = await browser.page(server.url('/e2e/blank.html'));
    await prepare(page);
    const seen = await page.evaluate(
      async ([url, worker]) => {
        const { t } = /** @type {any} */ (globalThis);
        const repo = await t.gitside.clone(url, 'merged', { worker, storage: 'memory' });
        const ada = { name: 'Ada', email: 'ada@example.org', timestamp: 1_700_000_100, tz: '+0000' };
        const who = { committer: ada };
        const file = async (/** @type {string} */ rev, /** @type {string} */ path) => (await repo.blob(rev, path)).text();
        const tried = await repo.merge('main', 'origin/apart', { ...who, dryRun: true });
        const merged = await repo.merge('main', 'origin/apart', who);
        const content = await file('main', 'moved/f.txt');
        const { message, parents } = await repo.readCommit(merged.oid);
        const again = await repo.merge('main', 'origin/apart', who);
        const conflicts = await repo.merge('main', 'origin/against', { ...who, conflictStyle: 'diff3' });
        const marked = await file(conflicts.tree, 'moved/f.txt');
        const picked = await repo.cherryPick('main', 'origin/against', { ...who, favor: 'theirs', recordOrigin: true });
        const reverted = await repo.revert('main', 'main', { ...who });
        const solved = await repo.commit('main', {
          base: conflicts.tree,
          parents: ['main', 'origin/against'],
          changes: [{ path: 'moved/f.txt', content: 'solved\n' }],
          message: 'solved',
          ...who,
        });
        const done = await repo.merge('main', 'origin/against', who);
        const fates = {
          only: await t.fate(repo.merge('apart', 'origin/main', { ...who, fastForward: 'only', expect: merged.oid })),
          style: await t.fate(repo.merge('main', 'origin/main', { conflictStyle: 'fancy' })),
          ff: await t.fate(repo.merge('main', 'origin/main', { fastForward: 'maybe' })),
          mainline: await t.fate(repo.cherryPick('main', 'main', who)),
          number: await t.fate(repo.revert('main', 'main', { ...who, mainline: 0 })),
        };
        await repo.close();
        return { tried, merged, content, message, parents, again, conflicts, marked, picked, reverted, solved, done, fates };
      },
      /** @type {const} */ ([server.url('/test/merged.git'), worker]),
    );
    const base = gitText(git, 'rev-parse', 'base');
    const tree = gitText(git, 'merge-tree', '--write-tree', 'main', 'apart');
    assert.deepEqual([seen.tried.kind, seen.tried.oid, seen.tried.tree], ['merged', null, tree]);
    assert.deepEqual([seen.merged.kind, seen.merged.tree, seen.merged.conflicts], ['merged', tree, []]);
    assert.deepEqual(seen.merged.messages, [
      { type: 'Auto-merging', conflict: false, paths: ['moved/f.txt'], message: 'Auto-merging moved/f.txt' },
    ]);
    assert.equal(seen.content, text({ 0: 'first\n', 11: 'last\n' }));
    assert.equal(seen.message, "Merge remote-tracking branch 'origin/apart'\n");
    assert.deepEqual(seen.parents, [gitText(git, 'rev-parse', 'main'), gitText(git, 'rev-parse', 'apart')]);
    assert.deepEqual([seen.again.kind, seen.again.oid], ['up-to-date', seen.merged.oid]);
    assert.deepEqual([seen.conflicts.kind, seen.conflicts.oid], ['conflicts', null]);
    const [conflict] = seen.conflicts.conflicts;
    assert.equal(conflict.path, 'moved/f.txt');
    assert.equal(conflict.base.oid, gitText(git, 'rev-parse', 'base:dir/f.txt'));
    assert.equal(conflict.theirs.oid, gitText(git, 'rev-parse', 'against:dir/f.txt'));
    const short = base.slice(0, 7);
    assert.ok(
      seen.marked.startsWith(
        `<<<<<<< main:moved/f.txt\nfirst\n||||||| ${short}:dir/f.txt\nline 0\n=======\nother\n>>>>>>> origin/against:dir/f.txt\n`,
      ),
      seen.marked,
    );
    assert.equal(seen.picked.kind, 'merged');
    assert.deepEqual([seen.reverted.kind, seen.reverted.tree], ['merged', tree]);
    assert.deepEqual([seen.done.kind, seen.done.oid], ['up-to-date', seen.solved]);
    const codes = Object.fromEntries(
      Object.entries(seen.fates).map(([key, { error }]) => [key, error?.code ?? error?.name]),
    );
    assert.deepEqual(codes, {
      only: 'RefConflict',
      style: 'TypeError',
      ff: 'TypeError',
      mainline: 'Unsupported',
      number: 'TypeError',
    });
    await page.close();
  });
}
