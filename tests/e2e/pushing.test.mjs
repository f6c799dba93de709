// Pushing through the package in a browser: what was committed here arrives there, from the page's own
// origin and from another, with a login, signed; what is refused, cut off or aborted is told as it is.

import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import path from 'node:path';
import { Browser } from './support/browser.mjs';
import { prepare } from './support/client.mjs';
import { data, git, gitText, hook, Repositories } from './support/repos.mjs';
import { startServer } from './support/server.mjs';

/** @type {Awaited<ReturnType<typeof startServer>>} */ let server;
/** @type {Awaited<ReturnType<typeof startServer>>} */ let other;
/** @type {Browser} */ let browser;
/** @type {import('playwright-core').Page} */ let page;
const repositories = new Repositories();

before(async () => {
  const config = ['http.receivepack=true', 'receive.fsckObjects=true', 'receive.certNonceSeed=seed', 'receive.certNonceSlop=3600', 'receive.advertisePushOptions=true'];
  const more = [...config.flatMap((setting) => ['--config', setting]), '--git', `/open=${repositories.folder}`, '--auth', 'me:secret', '--git', `/private=${repositories.folder}`];
  server = await startServer({ more });
  other = await startServer({ more });
  browser = await Browser.start();
});

after(async () => {
  await server?.stop();
  await other?.stop();
  repositories.remove();
  await browser?.stop();
});

beforeEach(async () => {
  await server.clearFaults();
  await page?.close();
  page = await browser.page(server.url('/e2e/blank.html'), { expected: /401|403|413|Failed to load resource|ERR_/ });
  await prepare(page);
});

/**
 * Clones, commits a file, and pushes with these options; `how` says what the page's own functions do.
 * @param {string} url @param {string} name
 * @param {{ push?: object, clone?: object, login?: string, sign?: string, signer?: string, abort?: boolean, ask?: boolean }} [how]
 */
function commitAndPush(url, name, how = {}) {
  return page.evaluate(
    async ([url, name, how]) => {
      const { t } = /** @type {any} */ (globalThis);
      const credentials = how.login ? () => ({ username: 'me', password: how.login }) : undefined;
      const repo = await t.gitside.clone(url, name, { ...how.clone, credentials });
      await repo.config.set('user.name', 'P');
      await repo.config.set('user.email', 'p@example.com');
      const author = { name: 'P', email: 'p@example.com', timestamp: 1700000100, tz: '+0000' };
      const oid = await repo.commit('main', { message: 'Second', author, changes: [{ path: 'b.txt', content: 'b\n' }] });
      /** @type {any} */ const seen = { oid, messages: [], sending: [], payload: undefined };
      const controller = new AbortController();
      const boom = new Error('no key');
      const sign = async (/** @type {Uint8Array} */ payload) => {
        seen.payload = new TextDecoder().decode(payload);
        if (how.signer === 'throws') throw boom;
        return how.sign;
      };
      const pushing = repo.push({
        remote: 'origin',
        ...how.push,
        ...(how.signer && { sign }),
        signal: controller.signal,
        onMessage: (/** @type {string} */ text) => seen.messages.push(text),
        onProgress: (/** @type {any} */ progress) => {
          if (progress.phase !== 'sending') return;
          seen.sending.push([progress.bytes, progress.total]);
          if (how.abort) controller.abort('enough');
        },
      });
      try {
        const result = await pushing;
        seen.isGitError = result.error instanceof t.gitside.GitError;
        seen.result = { ...result, error: result.error && t.plain(result.error) };
        if (how.ask) seen.fates = await repo.pushOutcome(result);
      } catch (error) {
        seen.error = error === boom || error === 'enough' ? error === boom ? 'boom' : error : t.plain(error);
      }
      const tracking = (await Array.fromAsync(repo.refs({ prefix: 'refs/remotes/origin/main' })))[0];
      seen.tracking = tracking?.oid;
      await repo.close();
      return seen;
    },
    /** @type {const} */ ([url, name, how]),
  );
}

for (const [where, at] of /** @type {const} */ ([['its own', () => server], ['another', () => other]])) {
  test(`a commit arrives at a server of ${where} origin`, async () => {
    const repository = repositories.small(`plain-${where.replace(' ', '-')}`);
    const url = at().url(`/open/${path.basename(repository)}`);
    const seen = await commitAndPush(url, `plain ${where}`);
    assert.equal(seen.error, undefined);
    const { result, oid } = seen;
    assert.equal(result.ok, true);
    assert.equal(gitText(repository, 'rev-parse', 'main'), oid);
    assert.match(gitText(repository, 'log', '-p', 'main'), /\+b\n/);
    git(repository, ['fsck', '--full', '--strict']);
    const first = gitText(repository, 'rev-parse', 'main^');
    assert.deepEqual(result.updates, [
      { url, name: 'refs/heads/main', source: 'refs/heads/main', old: first, new: oid, kind: 'fast-forward', tracking: 'refs/remotes/origin/main' },
    ]);
    assert.deepEqual([result.remote, result.url, result.objects, result.messages], ['origin', url, 3, []]);
    assert.equal(seen.tracking, oid);
    assert.deepEqual(seen.sending.at(-1), [result.bytes, result.bytes]);
  });
}

test('a lost race is told with its reason, and force replaces what came first', async () => {
  const repository = repositories.small('race');
  const url = server.url('/open/race.git');
  hook(repository, 'pre-receive', 'cat >/dev/null; git --git-dir . rev-parse main >/dev/null; echo hello');
  const input = `commit refs/heads/main\ncommitter A U Thor <author@example.com> 1700000050 +0000\n${data('Theirs\n')}from refs/heads/main^0\nM 100644 inline c.txt\n${data('c\n')}`;
  const seen = await page.evaluate(async ([url]) => {
    const { t } = /** @type {any} */ (globalThis);
    t.repo = await t.gitside.clone(url, 'race');
    const author = { name: 'P', email: 'p@example.com', timestamp: 1700000100, tz: '+0000' };
    return t.repo.commit('main', { message: 'Ours', author, changes: [{ path: 'b.txt', content: 'b\n' }] });
  }, [url]);
  git(repository, ['fast-import', '--quiet', '--date-format=raw'], { input });
  const push = (/** @type {object} */ options) => page.evaluate((options) => /** @type {any} */ (globalThis).t.repo.push(options), options);
  const lost = await push({ refspecs: ['main'] });
  assert.equal(lost.ok, false);
  const [{ kind, reason, cause, code }] = lost.updates;
  assert.deepEqual([kind, reason, cause, code], ['rejected', 'fetch first', 'fetch-first', 'PushRejectedLocal']);
  const theirs = gitText(repository, 'rev-parse', 'main');
  const stale = await push({ refspecs: ['main'], expect: { 'refs/heads/main': seen } });
  assert.deepEqual([stale.updates[0].reason, stale.bytes], ['stale info', 0]);
  const dry = await push({ refspecs: ['main'], expect: { main: theirs }, dryRun: true });
  assert.deepEqual([dry.ok, dry.updates[0].kind, dry.bytes], [true, 'forced', 0]);
  const won = await push({ refspecs: ['main'], expect: { main: theirs } });
  assert.deepEqual([won.ok, won.updates[0].kind, won.messages], [true, 'forced', ['hello']]);
  assert.equal(gitText(repository, 'rev-parse', 'main'), seen);
});

test('a login is asked for once, and a wrong one is refused before anything is sent', async () => {
  const repository = repositories.small('login');
  const clone = server.url('/private/login.git');
  const seen = await commitAndPush(clone, 'login', { login: 'secret' });
  assert.equal(seen.result.ok, true);
  assert.equal(gitText(repository, 'rev-parse', 'main'), seen.oid);
  const failed = await page.evaluate(async () => {
    const { t } = /** @type {any} */ (globalThis);
    const repo = await t.gitside.open('login', { credentials: () => undefined });
    return t.fate(repo.push({ refspecs: ['+main^:main'] }));
  });
  assert.equal(failed.error.code, 'AuthRequired');
});

test('a push certificate carries what was signed, and a signer that throws ends the push with its error', async () => {
  const repository = repositories.small('signed');
  hook(repository, 'post-receive', 'git cat-file blob $GIT_PUSH_CERT > cert.txt; echo $GIT_PUSH_CERT_NONCE_STATUS');
  const url = server.url('/open/signed.git');
  const sign = '-----BEGIN SSH SIGNATURE-----\nZm9v\n-----END SSH SIGNATURE-----\n';
  const seen = await commitAndPush(url, 'signed', { signer: 'yes', sign, push: { pushOptions: ['a=b'] } });
  assert.equal(seen.result.ok, true);
  assert.deepEqual(seen.messages, ['OK']);
  const stored = git(repository, ['-c', 'core.bare=true', 'cat-file', '--batch-check', '--batch-all-objects']).toString();
  assert.match(stored, /blob/);
  const { readFileSync } = await import('node:fs');
  assert.equal(readFileSync(path.join(repository, 'cert.txt'), 'utf8'), seen.payload + sign);
  assert.match(seen.payload, /^certificate version 0\.1\npusher P <p@example\.com> \d+ \+0000\npushee .*\/open\/signed\.git\nnonce [\w.+/=-]+\npush-option a=b\n\n/);
  repositories.small('unanswered');
  const wrong = await commitAndPush(server.url('/open/unanswered.git'), 'unanswered', { signer: 'yes' });
  assert.equal(wrong.error.name, 'TypeError');
  repositories.small('unsigned');
  const thrown = await commitAndPush(server.url('/open/unsigned.git'), 'unsigned', { signer: 'throws' });
  assert.equal(thrown.error, 'boom');
});

test('an answer that never comes is unknown, and the server can be asked', async () => {
  const repository = repositories.small('unknown');
  await server.fault({ method: 'POST', pathContains: 'unknown.git/git-receive-pack' }, { kind: 'unanswered', end: 'reset' });
  const seen = await commitAndPush(server.url('/open/unknown.git'), 'unknown', { ask: true });
  assert.equal(seen.result.ok, false);
  const [update] = seen.result.updates;
  assert.deepEqual([update.kind, update.code], ['unknown', 'PushOutcomeUnknown']);
  assert.equal(seen.isGitError, true);
  assert.equal(seen.result.error.code, 'NetworkOpaque');
  assert.deepEqual(seen.fates, [{ name: 'refs/heads/main', fate: 'applied', now: seen.oid, tracking: 'refs/remotes/origin/main' }]);
  assert.equal(gitText(repository, 'rev-parse', 'main'), seen.oid);
  assert.equal(seen.tracking, seen.oid);
});

test('a ref that the server said nothing of can be asked about', async () => {
  const repository = repositories.small('unreported');
  await server.fault({ method: 'POST', pathContains: 'unreported.git/git-receive-pack' }, { kind: 'replace', from: 'ok refs/heads/main', to: 'ok refs/heads/mine' });
  const seen = await commitAndPush(server.url('/open/unreported.git'), 'unreported', { ask: true });
  const [update] = seen.result.updates;
  assert.deepEqual([seen.result.ok, update.kind, update.code, update.tracking], [false, 'rejected', 'PushStatusMissing', undefined]);
  assert.deepEqual(seen.fates, [{ name: 'refs/heads/main', fate: 'applied', now: seen.oid, tracking: 'refs/remotes/origin/main' }]);
  assert.equal(gitText(repository, 'rev-parse', 'main'), seen.oid);
});

test('a push that the browser itself sends again is not called refused when the first one was done', async () => {
  const repository = repositories.small('again');
  await server.fault({ method: 'POST', pathContains: 'again.git/git-receive-pack', times: 1 }, { kind: 'unanswered', end: 'reset' });
  const seen = await commitAndPush(server.url('/open/again.git'), 'again', { ask: true });
  assert.equal(gitText(repository, 'rev-parse', 'main'), seen.oid);
  const [update] = seen.result.updates;
  // Chromium sends it again over a new connection if the broken one was used before.
  const posts = (await server.log()).filter((/** @type {any} */ entry) => entry.method === 'POST' && entry.path.includes('again.git/git-receive-pack'));
  assert.equal(update.kind, posts.length === 1 ? 'unknown' : 'up-to-date');
  assert.equal(seen.tracking, seen.oid);
});

test('a branch follows what it is pushed to', async () => {
  repositories.small('followed');
  const seen = await page.evaluate(async (url) => {
    const { t } = /** @type {any} */ (globalThis);
    const repo = await t.gitside.clone(url, 'followed');
    await repo.branches.create('topic', 'main', { track: false });
    const pushed = await repo.push({ remote: 'origin', refspecs: ['topic:refs/heads/for/topic'], setUpstream: true });
    const settings = await Promise.all(['remote', 'merge'].map((name) => repo.config.get(`branch.topic.${name}`)));
    return { followedBy: pushed.updates[0].followedBy, settings, wrong: (await t.fate(repo.push({ setUpstream: 'topic' }))).error?.name };
  }, server.url('/open/followed.git'));
  assert.deepEqual(seen, { followedBy: 'refs/heads/topic', settings: ['origin', 'refs/heads/for/topic'], wrong: 'TypeError' });
});

test('an aborted push rejects with the reason, and no ref here moves', async () => {
  repositories.small('aborted');
  await server.fault({ method: 'POST', pathContains: 'aborted.git/git-receive-pack' }, { kind: 'delay', ms: null });
  const seen = await commitAndPush(server.url('/open/aborted.git'), 'aborted', { abort: true });
  assert.equal(seen.error, 'enough');
  assert.notEqual(seen.tracking, seen.oid);
});

test('what is refused there comes with the words of its hook', async () => {
  const repository = repositories.small('refused');
  hook(repository, 'update', 'echo "not on a Sunday"; exit 1');
  const seen = await commitAndPush(server.url('/open/refused.git'), 'refused');
  const { ok, updates, messages, error } = seen.result;
  assert.deepEqual([ok, messages[0], error], [false, 'not on a Sunday', undefined]);
  assert.deepEqual([updates[0].code, updates[0].cause, updates[0].reason], ['PushRejectedRemote', 'hook-declined', 'hook declined']);
  assert.deepEqual(seen.messages, messages);
});

test('options of the wrong type are refused at once', async () => {
  repositories.small('types');
  const found = await page.evaluate(async (url) => {
    const { t } = /** @type {any} */ (globalThis);
    const repo = await t.gitside.clone(url, 'types');
    const wrong = [{ refspecs: 'main' }, { expect: { main: 'abc' } }, { expect: 1 }, { force: 1 }, { sign: 'key' }, { signed: 'always' }, { compression: 10 }];
    const fates = [];
    for (const options of wrong) fates.push((await t.fate(repo.push(options))).error?.name);
    fates.push((await t.fate(repo.pushOutcome({ updates: [{ name: 'refs/heads/main', old: 'x', new: null }] }))).error?.name);
    return fates;
  }, server.url('/open/types.git'));
  assert.deepEqual(found, Array(8).fill('TypeError'));
});
