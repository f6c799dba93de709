// Two tabs that use one repository at once: what each was told has happened, has happened, and the
// repository is whole after every round. `GITSIDE_ROUNDS` says how many rounds (200 unless told).

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Browser } from './support/browser.mjs';
import { prepare } from './support/client.mjs';
import { gitText, Repositories } from './support/repos.mjs';
import { startServer } from './support/server.mjs';

/** @typedef {import('playwright-core').Page} Page */
/** @typedef {{ ok?: any, error?: { code: string, message: string } }} Fate */

const ROUNDS = Number(process.env.GITSIDE_ROUNDS ?? 200);
/** Milliseconds for what takes a fraction of a second. A call waits half a minute for another that does not let go. */
const PATIENCE = 20_000;
/** What a call may be told when the other tab was first. */
const BEATEN = ['Busy', 'NotFound', 'StorageGone', 'AlreadyExists', 'RefConflict'];

const ACTIONS = /** @type {const} */ (['fetch', 'gc', 'remove', 'configure', 'read']);
/** Every action beside every other, and beside itself. */
const PAIRS = ACTIONS.flatMap((one, at) => ACTIONS.slice(at).map((other) => /** @type {const} */ ([one, other])));

/** @type {Awaited<ReturnType<typeof startServer>>} */ let server;
/** @type {Browser} */ let browser;
const repositories = new Repositories();
let source = '';

before(async () => {
  source = repositories.history('shared', { commits: 30, files: 20 });
  server = await startServer({ git: repositories.folder });
  browser = await Browser.start();
});

after(async () => {
  await server?.stop();
  repositories.remove();
  await browser?.stop();
});

test(`two tabs fetch, clean up, remove, configure and read one repository at once, ${ROUNDS} times`, async (t) => {
  const url = server.url('/test/shared.git');
  const pages = [await tab(), await tab()];
  const [judge] = pages;
  assert.ok(judge);
  /** @type {Record<string, number>} */
  const seen = {};
  let slowest = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const tip = grow(round);
    await settle(judge, url);
    const pair = PAIRS[round % PAIRS.length] ?? assert.fail();
    const start = performance.now();
    const fates = await Promise.race([
      Promise.all(pages.map((page, at) => act(page, pair[(at + round) % 2] ?? 'read', url, round))),
      new Promise((resolve) => setTimeout(resolve, PATIENCE)).then(() => assert.fail(`round ${round}, ${pair.join(' beside ')}: it hangs`)),
    ]);
    slowest = Math.max(slowest, performance.now() - start);
    const where = `round ${round}, ${pair.join(' beside ')}: ${JSON.stringify(fates)}`;
    for (const { action, error } of fates) {
      if (error) assert.ok(BEATEN.includes(error.code), where);
      const key = `${action}: ${error?.code ?? 'done'}`;
      seen[key] = (seen[key] ?? 0) + 1;
    }
    const removed = pair.includes('remove');
    const state = await look(judge, round % 20 === 19);
    if (state.error) {
      assert.ok(removed && state.error.code === 'NotFound', `${where}: ${JSON.stringify(state)}`);
      continue;
    }
    const fetched = fates.some(({ action, error }) => action === 'fetch' && !error);
    if (fetched && !removed) assert.equal(state.ok.tracking, tip, `${where}: the fetched branch is where it was`);
    const configured = fates.some(({ action, error }) => action === 'configure' && !error);
    if (configured && !removed) assert.equal(state.ok.configured, `r${round}`, `${where}: the setting is lost`);
  }
  t.diagnostic(`slowest round ${slowest.toFixed(0)} ms; ${Object.entries(seen).sort().map(([what, count]) => `${what} ${count}`).join(', ')}`);
  // Each did what it is for, and not just gave way.
  for (const action of ACTIONS) assert.ok((seen[`${action}: done`] ?? 0) >= ROUNDS / 20, `${action}: ${JSON.stringify(seen)}`);
});

async function tab() {
  const page = await browser.page(server.url('/e2e/blank.html'));
  await prepare(page);
  return page;
}

/** A commit on the server, and every few rounds a branch that comes or goes. @param {number} round */
function grow(round) {
  const tree = gitText(source, 'rev-parse', 'main^{tree}');
  const person = ['-c', 'user.name=A U Thor', '-c', 'user.email=author@example.com'];
  const commit = gitText(source, ...person, 'commit-tree', tree, '-p', 'main', '-m', `round ${round}`);
  gitText(source, 'update-ref', 'refs/heads/main', commit);
  if (round % 3 === 0) gitText(source, 'update-ref', 'refs/heads/wip', commit);
  if (round % 3 === 2) gitText(source, 'update-ref', '-d', 'refs/heads/wip');
  return commit;
}

/** Sees to it that there is a repository. @param {Page} page @param {string} url */
async function settle(page, url) {
  const fate = /** @type {Fate} */ (
    await page.evaluate(async (url) => {
      const { t } = /** @type {any} */ (globalThis);
      if ((await t.names()).includes('shared')) return {};
      return t.fate(t.gitside.clone(url, 'shared').then((/** @type {any} */ repo) => repo.close()));
    }, url)
  );
  assert.equal(fate.error, undefined, JSON.stringify(fate));
}

/**
 * @param {Page} page @param {string} action @param {string} url @param {number} round
 * @returns {Promise<Fate & { action: string }>}
 */
async function act(page, action, url, round) {
  const fate = await page.evaluate(
    async ([action, url, round]) => {
      const { t } = /** @type {any} */ (globalThis);
      /** The handle of earlier rounds, if its repository is still the one of that name. */
      const repository = async () => {
        const known = t.known;
        if (known) {
          const { error } = await t.fate(known.resolve('HEAD'));
          if (!error) return known;
          t.known = undefined;
        }
        t.known = await t.gitside.open('shared');
        return t.known;
      };
      const actions = {
        fetch: async () => (await (await repository()).fetch({ prune: true })).ok,
        gc: async () => (await repository()).gc(),
        remove: async () => {
          await t.gitside.remove('shared');
          await (await t.gitside.clone(url, 'shared')).close();
        },
        configure: async () => (await repository()).config.set('test.round', `r${round}`),
        read: async () => {
          const repo = await repository();
          let commits = 0;
          for await (const { tree } of repo.log('HEAD')) {
            commits += 1;
            if (commits % 10 === 0) for await (const entry of repo.tree(tree, { recursive: true })) await (await repo.blob(entry.oid)).bytes();
          }
          return commits;
        },
      };
      const { ok, error } = await t.fate(/** @type {any} */ (actions)[action]());
      return error ? { error } : { ok };
    },
    /** @type {const} */ ([action, url, round]),
  );
  return { action, ...fate };
}

/**
 * What a newcomer finds: every ref leads to a commit or a tag that can be read, and in depth every
 * object can.
 * @param {Page} page @param {boolean} deep @returns {Promise<Fate>}
 */
function look(page, deep) {
  return page.evaluate(async (deep) => {
    const { t } = /** @type {any} */ (globalThis);
    return t.fate(
      (async () => {
        const repo = await t.gitside.open('shared');
        let tracking;
        for await (const { name, oid } of repo.refs()) {
          await (await repo.object(oid)).bytes();
          if (name === 'refs/remotes/origin/main') tracking = oid;
          if (deep) for await (const commit of repo.log(oid)) if (!commit.tree) throw new Error(`${oid} has no tree`);
        }
        if (deep) await t.describe(repo, true);
        const configured = await repo.config.get('test.round');
        await repo.close();
        return { tracking, configured };
      })(),
    );
  }, deep);
}
