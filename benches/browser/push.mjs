// A push from headless Chromium beside `git push`, to equal servers, in interleaved pairs: of a line
// of a large file, of one commit, and of a hundred. Both sides push the same commits. Then the memory
// of a push of many new objects. Requests and bytes are the server's count.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { Browser } from '../../tests/e2e/support/browser.mjs';
import { root, startServer } from '../../tests/e2e/support/server.mjs';
import { median, table } from './figures.mjs';
import { browserProcess, memoryOf, watch } from './processes.mjs';

const HELP = `cargo xtask bench push [options]

  --commits N      commits of the repository that is made for it (default 5000)
  --pairs N        pushes by each side, interleaved (default 5)
  --memory N       pushes whose memory is watched, of each kind of content (default 1)
  --objects N      files that such a push adds (default 10000)
  --mib N          and what they hold together (default 200)
  --json FILE      the figures and all samples (default target/bench-push.json)`;

const { values } = parseArgs({
  options: {
    commits: { type: 'string', default: '5000' },
    pairs: { type: 'string', default: '5' },
    memory: { type: 'string', default: '1' },
    objects: { type: 'string', default: '10000' },
    mib: { type: 'string', default: '200' },
    json: { type: 'string', default: path.join(root, 'target/bench-push.json') },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(HELP);
  process.exit(0);
}

const WHO = { name: 'bench', email: 'bench@example.org' };
const LINES = 20_000;
const environment = { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' };
const work = mkdtempSync(path.join(tmpdir(), 'gitside-bench-'));
const repositories = path.join(work, 'repositories');
mkdirSync(repositories);
const copy = path.join(work, 'by-git');

/** @param {string[]} args @param {string} [input] */
function git(args, input) {
  return execFileSync('git', args, { encoding: 'utf8', env: environment, input, maxBuffer: 1 << 30, stdio: ['pipe', 'pipe', 'pipe'] }).trim();
}

const large = Array.from({ length: LINES }, (_, n) => `line ${n} of a large file ${(n * 7919) % 104729} ${(n * 104729) % 7919}\n`);
let time = 1_500_000_000;
make(Number(values.commits));
const server = await startServer({ git: repositories, more: ['--www', `/bench=${path.join(root, 'benches/browser')}`] });
const url = (/** @type {string} */ name) => server.url(`/test/${name}.git`);
const browser = await Browser.start();
const [results, memories] = [/** @type {any[]} */ ([]), /** @type {any[]} */ ([])];
try {
  if (Number(values.pairs)) {
    const page = await browser.page(server.url('/e2e/blank.html'));
    git(['clone', '--quiet', '--no-checkout', url('by-git'), copy]);
    for (const [key, value] of [['gc.auto', '0'], ['maintenance.auto', 'false']]) git(['-C', copy, 'config', String(key), String(value)]);
    await page.evaluate(async (url) => {
      const { clone } = await import(/** @type {any} */ ('/pkg/index.js'));
      /** @type {any} */ (globalThis).repo = await clone(url, 'bench');
    }, url('by-gitside'));
    for (const kind of [{ name: 'a line of a large file', commits: 1, large: true }, { name: '1 commit', commits: 1, large: false }, { name: '100 commits', commits: 100, large: false }]) results.push(await measure(page, kind));
    await page.close();
  }
  for (const content of ['random', 'text']) {
    for (let run = 0; run < Number(values.memory); run += 1) memories.push(await weigh(content, run));
  }
} finally {
  await browser.stop().catch(() => {});
  await server.stop();
  rmSync(work, { recursive: true, force: true, maxRetries: 5 });
}
print();
mkdirSync(path.dirname(path.resolve(values.json)), { recursive: true });
writeFileSync(values.json, `${JSON.stringify({ results, memories }, null, 2)}\n`);
console.log(`\nAll samples are in ${values.json}`);

/** A line of history on one branch, on two servers that take pushes, and a third without any. @param {number} commits */
function make(commits) {
  const first = path.join(repositories, 'by-git.git');
  git(['init', '--quiet', '--bare', '--initial-branch=main', first]);
  const lines = [];
  for (let n = 1; n <= commits; n += 1) {
    time += 60;
    const text = `line ${n}\n`;
    lines.push('commit refs/heads/main', `committer ${WHO.name} <${WHO.email}> ${time} +0000`, 'data 2', 'c', '');
    lines.push(`M 100644 inline dir${n % 50}/file${n % 500}.txt`, `data ${text.length}`, text);
    if (n === 1) lines.push('M 100644 inline data/large.txt', `data ${large.join('').length}`, large.join(''));
  }
  git(['-C', first, 'fast-import', '--quiet', '--done'], `${lines.join('\n')}\ndone\n`);
  git(['clone', '--quiet', '--mirror', first, path.join(repositories, 'by-gitside.git')]);
  for (const name of ['by-git', 'by-gitside']) git(['-C', path.join(repositories, `${name}.git`), 'config', 'http.receivepack', 'true']);
}

/** The next commits: what each writes, to which file, when. @param {{ commits: number, large: boolean }} kind */
function next({ commits, large: isLarge }) {
  return Array.from({ length: commits }, () => {
    time += 60;
    if (!isLarge) return { time, path: `dir${time % 50}/new${time % 501}.txt`, content: `new at ${time}\n` };
    large[time % LINES] = `edited at ${time}\n`;
    return { time, path: 'data/large.txt', content: large.join('') };
  });
}

/** @param {import('playwright-core').Page} page @param {{ name: string, commits: number, large: boolean }} kind */
async function measure(page, kind) {
  /** @type {Array<Record<string, number>>} */
  const samples = [];
  for (let pair = 0; pair < Number(values.pairs); pair += 1) {
    const edits = next(kind);
    const stream = edits.map(({ time, path, content }, n) =>
      ['commit refs/heads/main', `committer ${WHO.name} <${WHO.email}> ${time} +0000`, 'data 4', 'new', ...(n ? [] : ['from refs/heads/main^0']), `M 100644 inline ${path}`, `data ${content.length}`, content].join('\n'));
    git(['-C', copy, 'fast-import', '--quiet', '--done'], `${stream.join('\n')}\ndone\n`);
    const made = await page.evaluate(async ({ edits, who }) => {
      const { repo } = /** @type {any} */ (globalThis);
      let oid;
      for (const { time, path, content } of edits) {
        oid = await repo.commit('main', { message: 'new\n', committer: { ...who, timestamp: time }, changes: [{ path, content }] });
      }
      return oid;
    }, { edits, who: WHO });
    const expected = git(['-C', copy, 'rev-parse', 'refs/heads/main']);
    if (made !== expected) throw new Error(`git made ${expected}, gitside ${made}`);
    await server.clearLog();
    const start = performance.now();
    const { status, stderr } = spawnSync('git', ['-C', copy, 'push', '--quiet', 'origin', 'main'], { encoding: 'utf8', env: environment });
    const gitSeconds = (performance.now() - start) / 1000;
    if (status !== 0) throw new Error(`git push: ${stderr}`);
    const byGit = await traffic();
    await server.clearLog();
    const { seconds, objects, ok } = await page.evaluate(async () => {
      const start = performance.now();
      const { ok, objects } = await /** @type {any} */ (globalThis).repo.push({ refspecs: ['main'] });
      return { seconds: (performance.now() - start) / 1000, ok, objects };
    });
    const taken = git(['-C', path.join(repositories, 'by-gitside.git'), 'rev-parse', 'refs/heads/main']);
    if (!ok || taken !== expected) throw new Error(`the server has ${taken}`);
    const ours = await traffic();
    samples.push({ git: gitSeconds, gitside: seconds, objects, gitRequests: byGit.requests, requests: ours.requests, gitUp: byGit.up, up: ours.up });
    console.error(`${kind.name}: pair ${pair + 1}: git ${gitSeconds.toFixed(3)} s, gitside ${seconds.toFixed(3)} s`);
  }
  return { ...kind, samples };
}

async function traffic() {
  const entries = (await server.log()).filter((/** @type {{ path: string }} */ { path }) => path.startsWith('/test/'));
  return { requests: entries.length, up: entries.reduce((/** @type {number} */ sum, /** @type {{ bodyBytes?: number }} */ { bodyBytes }) => sum + (bodyBytes ?? 0), 0) };
}

/** A push of many new objects, from a page that does nothing else. @param {string} content @param {number} run */
async function weigh(content, run) {
  const name = `${content}-${run}`;
  const place = path.join(repositories, `${name}.git`);
  git(['init', '--quiet', '--bare', '--initial-branch=main', place]);
  git(['-C', place, 'config', 'http.receivepack', 'true']);
  const writing = await browser.page(server.url('/e2e/blank.html'));
  await writing.evaluate(write, { name, url: url(name), content, files: Number(values.objects), bytes: Number(values.mib) * 1048576, who: WHO });
  await writing.close();
  const page = await browser.page(server.url('/e2e/blank.html'));
  const main = await browserProcess(browser, page);
  await page.waitForTimeout(5000);
  const empty = memoryOf(main);
  await server.clearLog();
  const watching = watch(main, 50);
  const done = await page.evaluate(async (name) => {
    const { open } = await import(/** @type {any} */ ('/pkg/index.js'));
    const worker = () => new Worker('/bench/worker.js', { type: 'module' });
    const repo = await open(name, { worker });
    const start = performance.now();
    const { ok, objects } = await repo.push({ refspecs: ['main'] });
    const seconds = (performance.now() - start) / 1000;
    const channel = new BroadcastChannel('gitside-bench');
    const wasm = await new Promise((resolve) => {
      channel.onmessage = ({ data }) => data !== 'memory?' && resolve(data.memory);
      channel.postMessage('memory?');
    });
    channel.close();
    return { ok, objects, seconds, wasm };
  }, name);
  const { most, samples } = watching.stop();
  const { up } = await traffic();
  if (!done.ok || !git(['-C', place, 'rev-parse', 'refs/heads/main'])) throw new Error('the server has nothing');
  await page.evaluate(async (name) => (await import(/** @type {any} */ ('/pkg/index.js'))).remove(name), name);
  await page.close();
  rmSync(place, { recursive: true, force: true });
  console.error(`${name}: ${done.seconds.toFixed(1)} s`);
  return { content, ...done, up, above: most - empty, empty, samples };
}

/** Runs in the page: commits files of so many bytes in all, a thousand at a time.
 * @param {{ name: string, url: string, content: string, files: number, bytes: number, who: object }} what */
async function write({ name, url, content, files, bytes, who }) {
  const { init } = await import(/** @type {any} */ ('/pkg/index.js'));
  const repo = await init(name);
  await repo.remotes.add('origin', url);
  const size = Math.floor(bytes / files);
  const words = Array.from({ length: 5000 }, (_, n) => Math.floor(((n * 2654435761) % 4294967296) * (n + 1)).toString(36));
  const random = new Uint8Array(65536);
  const text = () => {
    let made = '';
    while (made.length < size) made += `${words[Math.floor(Math.random() * words.length)]}${Math.random() < 0.1 ? '\n' : ' '}`;
    return made.slice(0, size);
  };
  const bits = () => {
    const made = new Uint8Array(size);
    for (let at = 0; at < size; at += random.length) made.set(crypto.getRandomValues(random).subarray(0, size - at), at);
    return made;
  };
  for (let first = 0; first < files; first += 1000) {
    const changes = Array.from({ length: Math.min(1000, files - first) }, (_, n) => ({ path: `dir${n % 40}/file${first + n}`, content: content === 'text' ? text() : bits() }));
    await repo.commit('main', { message: 'new', committer: { ...who, timestamp: 1_600_000_000 + first }, changes });
  }
  await repo.close();
}

function print() {
  if (results.length) {
    const rows = results.map(({ name, samples }) => {
      const middle = (/** @type {string} */ key) => median(samples.map((/** @type {Record<string, number>} */ sample) => sample[key] ?? NaN));
      const ms = (/** @type {string} */ key) => (middle(key) * 1000).toFixed(0);
      const pair = (/** @type {string} */ ours, /** @type {string} */ theirs) => `${middle(ours)} (${middle(theirs)})`;
      return [name, String(middle('objects')), ms('git'), ms('gitside'), `${(middle('gitside') / middle('git')).toFixed(2)}x`, pair('requests', 'gitRequests'), pair('up', 'gitUp')];
    });
    console.log(`\nMedians of ${values.pairs} pairs; bytes are those of bodies.\n`);
    console.log(table([['push of', 'objects', 'git ms', 'gitside ms', 'ratio', 'requests (git)', 'bytes up (git)'], ...rows]));
  }
  if (memories.length) {
    const mib = (/** @type {number} */ bytes) => (bytes / 1048576).toFixed(1);
    const rows = memories.map(({ content, objects, up, seconds, wasm, above }) => [content, String(objects), mib(up), seconds.toFixed(1), mib(wasm), mib(above)]);
    console.log('\nMemory is the most seen, the browser\'s over all its processes and above an empty page.\n');
    console.log(table([['new files of', 'objects', 'MiB sent', 's', 'wasm MiB', 'browser MiB'], ...rows]));
  }
}
