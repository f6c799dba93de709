// What happens to calls when their worker ends, their engine traps, or nothing can be started; and
// how functions of the caller take part in a call.

import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { Browser } from './support/browser.mjs';
import { prepare } from './support/client.mjs';
import { Repositories } from './support/repos.mjs';
import { startServer } from './support/server.mjs';

/** @type {Awaited<ReturnType<typeof startServer>>} */ let server;
/** @type {Browser} */ let browser;
/** @type {import('playwright-core').Page} */ let page;
const repositories = new Repositories();
let url = '';

before(async () => {
  repositories.history('engine', { commits: 300, files: 60, bytes: 1_000_000 });
  server = await startServer({ git: repositories.folder });
  url = server.url('/test/engine.git');
  browser = await Browser.start();
});

after(async () => {
  await server?.stop();
  repositories.remove();
  await browser?.stop();
});

beforeEach(async () => {
  await server.clearFaults();
  await page?.close();
  page = await browser.page(server.url('/e2e/blank.html'), { expected: /fault of its own|unreachable|404|Content Security Policy|nothing there/ });
  await prepare(page);
  await page.evaluate(helpers);
});

/** Workers that can be told to break, and pages that can. */
function helpers() {
  const { t } = /** @type {any} */ (globalThis);
  /** @param {string} source @returns {() => Worker} */
  t.workerOf = (source) => () => {
    const blob = new Blob([source], { type: 'text/javascript' });
    return (t.worker = new Worker(URL.createObjectURL(blob), { type: 'module' }));
  };
  // The module reads the clock all the time; an exception from there leaves it as a trap would:
  // in the middle of its work, without a destructor run.
  t.trapping = `{
    const now = performance.now.bind(performance);
    let left = Infinity;
    globalThis.trapAfter = (reads) => (left = reads);
    performance.now = () => {
      if (left-- <= 0) { left = Infinity; throw new WebAssembly.RuntimeError('unreachable'); }
      return now();
    };
  }`;
  t.breakable = t.workerOf(`import '${location.origin}/pkg/worker.js'; ${t.trapping}
    addEventListener('message', ({ data }) => { if (data.close) close(); if (data.trap !== undefined) trapAfter(data.trap); });`);
  t.sleep = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms));
  /** Resolves once the clone has received something. */
  t.underWay = (/** @type {string} */ url, /** @type {string} */ name, /** @type {object} */ options) => {
    /** @type {Promise<any>} */
    let fate = Promise.resolve();
    return new Promise((resolve, reject) => {
      fate = t.fate(t.gitside.clone(url, name, { ...options, onProgress: () => resolve({ fate }) }));
      fate.then(() => reject(new Error('it ended before it was under way')));
    });
  };
}

for (const [how, end] of /** @type {const} */ ([
  ['is terminated by the page', 't.worker.terminate()'],
  ['ends by itself', 't.worker.postMessage({ close: true })'],
  ['traps', 't.worker.postMessage({ trap: 20 })'],
])) {
  test(`calls fail within a second if their worker ${how}, and the next one works`, async () => {
    await server.slow(16_384, 30);
    const seen = await page.evaluate(
      async ([url, end]) => {
        const { t } = /** @type {any} */ (globalThis);
        const options = { worker: t.breakable };
        const { fate } = await t.underWay(url, 'lost', options);
        const start = performance.now();
        new Function('t', end)(t);
        const { error } = await fate;
        const waited = performance.now() - start;
        const next = await t.fate(t.gitside.open('lost', options));
        return { error, waited, next: next.error?.code };
      },
      /** @type {const} */ ([url, end]),
    );
    assert.equal(seen.error.code, 'Internal');
    assert.match(seen.error.message, /the worker (was terminated|ended)|the engine stopped because of a fault of its own/);
    assert.ok(seen.waited < 1000, `${seen.waited} ms`);
    assert.equal(seen.next, 'NotFound');
  });
}

test('an engine that traps in the page is replaced at the next call', async () => {
  await server.slow(16_384, 30);
  const seen = await page.evaluate(async (url) => {
    const { t, trapAfter } = Object.assign(globalThis, new Function(`${/** @type {any} */ (globalThis).t.trapping} return { trapAfter };`)());
    const options = { worker: false };
    const { fate } = await t.underWay(url, 'lost', options);
    const other = t.fate(t.gitside.clone(url, 'other', options));
    trapAfter(20);
    const errors = [(await fate).error, (await other).error];
    const next = await t.fate(t.gitside.open('lost', options));
    const again = await t.fate(t.gitside.clone(url, 'again', options).then((/** @type {any} */ repo) => repo.resolve('HEAD')));
    return { errors, next: next.error?.code, again };
  }, url);
  for (const error of seen.errors) {
    assert.equal(error.code, 'Internal');
    assert.match(error.message, /a fault of its own/);
  }
  assert.equal(seen.next, 'NotFound');
  assert.match(seen.again.ok, /^[0-9a-f]{40}$/);
});

test('an open repository goes on working after its worker ended or trapped, an iteration does not', async () => {
  const seen = await page.evaluate(async (url) => {
    const { t } = /** @type {any} */ (globalThis);
    const options = { worker: t.breakable };
    const repo = await t.gitside.clone(url, 'revived', options);
    const head = await repo.resolve('HEAD');
    const log = repo.log('HEAD')[Symbol.asyncIterator]();
    await log.next();
    t.worker.terminate();
    const after = [await repo.resolve('HEAD')];
    const rest = await t.fate(
      (async () => {
        while (!(await log.next()).done);
      })(),
    );
    t.worker.postMessage({ trap: 0 });
    const trapped = await t.fate(repo.readCommit('HEAD'));
    after.push(await repo.resolve('HEAD'));
    // Another repository of that name is another repository.
    await t.gitside.remove('revived', options);
    await t.gitside.clone(url, 'revived', options);
    t.worker.terminate();
    const replaced = await t.fate(repo.resolve('HEAD'));
    return { head, after, rest, trapped, replaced };
  }, url);
  assert.deepEqual(seen.after, [seen.head, seen.head]);
  assert.match(seen.rest.error?.message, /interrupted/);
  assert.equal(seen.trapped.error?.code, 'Internal');
  assert.equal(seen.replaced.error?.code, 'NotFound');
});

test('repository objects of one repository share what is cached, and closing one leaves the others', async () => {
  const seen = await page.evaluate(async (url) => {
    const { t } = /** @type {any} */ (globalThis);
    const options = { worker: t.breakable };
    const repos = [await t.gitside.clone(url, 'shared', options)];
    for (let more = 0; more < 3; more += 1) repos.push(await t.gitside.open('shared', options));
    t.worker.terminate();
    // All at once, so that each finds no handle and opens one.
    const heads = await Promise.all([...repos, ...repos].map((repo) => repo.resolve('HEAD')));
    const reading = repos[0].readCommit('HEAD');
    await repos[1].close();
    await repos[2][Symbol.asyncDispose]();
    heads.push((await reading).oid, await repos[0].resolve('HEAD'), await repos[3].resolve('HEAD'));
    const closed = await t.fate(repos[1].resolve('HEAD'));
    return { heads: new Set(heads).size, closed: closed.error?.code };
  }, url);
  assert.deepEqual(seen, { heads: 1, closed: 'Unsupported' });
});

test('a worker that cannot be started is an error that says so, within a second', async () => {
  const seen = await page.evaluate(async () => {
    const { t } = /** @type {any} */ (globalThis);
    const open = (/** @type {any} */ worker) => t.fate(t.gitside.open('x', { worker }));
    const start = performance.now();
    const missing = await open(() => new Worker('/pkg/nothing.js', { type: 'module' }));
    const throwing = await open(t.workerOf('throw new Error("nothing there")'));
    const refusing = await open(() => {
      throw new Error('no workers today');
    });
    return { errors: [missing.error, throwing.error, refusing.error], waited: performance.now() - start };
  });
  assert.ok(seen.waited < 2000, `${seen.waited} ms`);
  for (const error of seen.errors) {
    assert.equal(error.code, 'Internal');
    assert.match(error.message, /worker could not be started/);
  }
  assert.match(seen.errors[1].message, /nothing there/);
  assert.match(seen.errors[2].message, /no workers today/);
});

test("a page's security policy that forbids the worker or the wasm is named as the cause", async () => {
  for (const [policy, worker, pattern] of /** @type {const} */ ([
    ["worker-src 'none'", true, /could not be started.*worker-src/],
    ["script-src 'self'", false, /wasm-unsafe-eval/],
  ])) {
    const strict = await browser.page(server.url('/e2e/blank.html'), { expected: /Content Security Policy/ });
    await strict.route('**/strict.html', (route) =>
      route.fulfill({ contentType: 'text/html', headers: { 'content-security-policy': policy }, body: '<!doctype html><title>strict</title><link rel="icon" href="data:,">' }),
    );
    await strict.goto(server.url('/e2e/strict.html'));
    const message = await strict.evaluate(async (worker) => {
      const gitside = await import(/** @type {any} */ ('/pkg/index.js'));
      return gitside.open('x', { worker }).catch((/** @type {Error} */ error) => error.message);
    }, worker);
    assert.match(message, pattern);
    await strict.close();
  }
});

test('a browser without SIMD is told so, in a worker and without one', async () => {
  const seen = await page.evaluate(async () => {
    const { t } = /** @type {any} */ (globalThis);
    // What such a browser does: modules with vectors are not valid, and ours is full of them.
    const without = `{
      const { validate } = WebAssembly;
      const hasVectors = (bytes) => new Uint8Array(bytes.buffer ?? bytes).includes(0xfd);
      WebAssembly.validate = (bytes) => !hasVectors(bytes) && validate(bytes);
      WebAssembly.instantiate = WebAssembly.instantiateStreaming = async () => {
        throw new WebAssembly.CompileError('invalid value type 0x7b');
      };
    }`;
    const worker = t.workerOf(`${without} await import('${location.origin}/pkg/worker.js');`);
    const inWorker = await t.fate(t.gitside.open('x', { worker }));
    (0, eval)(without);
    const here = await t.fate(t.gitside.open('x', { worker: false }));
    return [inWorker.error, here.error].map((error) => [error.code, error.data.reason, error.message]);
  });
  for (const [code, reason, message] of seen) {
    assert.equal(code, 'Unsupported');
    assert.equal(reason, 'simd');
    assert.match(message, /no WebAssembly SIMD.*Chrome 91, Firefox 89, Safari 16\.4/);
  }
  assert.equal(seen.length, 2);
});

test('a module that is not where it should be is an error, and another call can name a better place', async () => {
  const seen = await page.evaluate(async () => {
    const { t } = /** @type {any} */ (globalThis);
    const outcomes = [];
    for (const worker of [true, false]) {
      const lost = await t.fate(t.gitside.open('x', { worker, wasmUrl: '/pkg/nothing.wasm' }));
      const found = await t.fate(t.gitside.open('x', { worker, wasmUrl: new URL('/pkg/wasm/gitside_bg.wasm', location.href) }));
      outcomes.push([lost.error.message, found.error.code]);
    }
    return outcomes;
  });
  for (const [message, code] of seen) {
    assert.match(message, /the wasm module could not be started.*wasmUrl/);
    assert.equal(code, 'NotFound');
  }
});

for (const worker of [true, false]) {
  const where = worker ? 'from a Worker' : 'in the same context';

  test(`an abort gives back the reason itself, before and during a call and a list, ${where}`, async () => {
    await server.slow(16_384, 30);
    const seen = await page.evaluate(
      async ([url, worker]) => {
        const { t } = /** @type {any} */ (globalThis);
        const reason = { mine: true };
        /** @param {Promise<any>} promise */
        const given = (promise) => promise.then(() => 'resolved', (error) => error === reason);
        const aborted = AbortSignal.abort(reason);
        const options = { worker, storage: 'memory' };
        const before = [await given(t.gitside.open('x', { ...options, signal: aborted })), await given(t.gitside.list({ ...options, signal: aborted })[Symbol.asyncIterator]().next())];
        const controller = new AbortController();
        const during = given(t.gitside.clone(url, 'x', { ...options, signal: controller.signal, onProgress: () => controller.abort(reason) }));
        const repo = await during.then(() => t.gitside.clone(url, 'x', options));
        const second = new AbortController();
        const log = repo.log('HEAD', { signal: second.signal })[Symbol.asyncIterator]();
        await log.next();
        second.abort(reason);
        return { before, during: await during, list: await given(log.next()), after: (await log.next()).done };
      },
      /** @type {const} */ ([url, worker]),
    );
    assert.deepEqual(seen, { before: [true, true], during: true, list: true, after: true });
  });

  test(`functions of the caller are asked on its thread, and what they throw is what the call rejects with, ${where}`, async () => {
    const seen = await page.evaluate(
      async ([url, worker]) => {
        const { t } = /** @type {any} */ (globalThis);
        const mine = { mine: true };
        /** @type {string[]} */
        const asked = [];
        const corsProxy = async (/** @type {URL} */ asking) => {
          asked.push(asking.pathname);
          await t.sleep(1);
          return new URL(`/proxy/${asking.host}${asking.pathname}${asking.search}`, location.href);
        };
        const refs = (await t.gitside.lsRemote(url, { worker, corsProxy })).refs.length;
        const thrown = await t.gitside.lsRemote(url, { worker, corsProxy: () => Promise.reject(mine) }).catch((/** @type {unknown} */ error) => error === mine);
        // A listener that throws is reported like an event listener, and changes nothing.
        /** @type {unknown[]} */
        const reported = [];
        addEventListener('error', (event) => {
          event.preventDefault();
          reported.push(event.error === mine);
        });
        const repo = await t.gitside.clone(url, 'told', {
          worker,
          storage: 'memory',
          onProgress: () => {
            throw mine;
          },
        });
        return { asked, refs, thrown, reported: [...new Set(reported)], name: repo.name };
      },
      /** @type {const} */ ([url, worker]),
    );
    assert.ok(seen.refs > 0);
    assert.ok(seen.asked.length > 0 && seen.asked.every((path) => path?.startsWith('/test/engine.git/')));
    assert.deepEqual({ thrown: seen.thrown, reported: seen.reported, name: seen.name }, { thrown: true, reported: [true], name: 'told' });
  });
}

test('progress comes at most 20 times a second, and the last of each phase always comes', async () => {
  const seen = await page.evaluate(async (url) => {
    const { t } = /** @type {any} */ (globalThis);
    /** @type {any[]} */
    const reports = [];
    const start = performance.now();
    await t.gitside.clone(url, 'measured', { storage: 'memory', onProgress: (/** @type {any} */ report) => reports.push(report) });
    return { reports, wall: performance.now() - start };
  }, url);
  const phases = [...new Set(seen.reports.map(({ phase }) => phase))];
  assert.ok(phases.includes('receiving') && phases.includes('resolving'), phases.join());
  // One at once, one in each interval, and at the end what is left of each phase.
  const most = 1 + seen.wall / 50 + phases.length;
  assert.ok(seen.reports.length <= most, `${seen.reports.length} reports in ${seen.wall} ms`);
  for (const phase of ['receiving', 'resolving']) {
    const last = seen.reports.filter((report) => report.phase === phase).at(-1);
    assert.equal(last.loaded, last.total, JSON.stringify(last));
  }
});

test('wrong types of arguments are TypeErrors and send nothing', async () => {
  const names = await page.evaluate(async () => {
    const { t } = /** @type {any} */ (globalThis);
    const { clone, open } = t.gitside;
    const url = 'https://example.org/a.git';
    const calls = [
      () => clone(url),
      () => clone(7, 'a'),
      () => clone(url, 'a', { depth: 0 }),
      () => clone(url, 'a', { depth: '1' }),
      () => clone(url, 'a', { since: new Date(NaN) }),
      () => clone(url, 'a', { tags: 'some' }),
      () => clone(url, 'a', { exclude: 'main' }),
      () => clone(url, 'a', { onProgress: true }),
      () => clone(url, 'a', { corsProxy: 7 }),
      () => clone(url, 'a', { protocolVersion: 3 }),
      () => clone(url, 'a', { headers: { 'bad name': 'x' } }),
      () => clone(url, 'a', { signal: {} }),
      () => clone(url, 'a', { storage: 'disk' }),
      () => open('a', { worker: 'yes' }),
    ];
    return Promise.all(calls.map((call) => call().then(() => 'resolved', (/** @type {Error} */ error) => error.name)));
  });
  assert.deepEqual([...new Set(names)], ['TypeError']);
  assert.equal((await page.evaluate(() => performance.getEntriesByType('resource').map(({ name }) => name))).filter((name) => /worker\.js|\.wasm/.test(name)).length, 0);
});
