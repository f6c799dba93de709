// A clone in headless Chromium beside `git clone --bare`, from the same server, in interleaved
// pairs. Times and memory are measured in separate runs: asking the kernel for the memory of all
// browser processes every 50 ms takes a noticeable part of a core.

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { Browser } from '../../tests/e2e/support/browser.mjs';
import { root, startServer } from '../../tests/e2e/support/server.mjs';
import { median, table } from './figures.mjs';
import { browserProcess, memoryOf, watch } from './processes.mjs';

const HELP = `cargo xtask bench clone [options]

  --repo PATH      a repository to clone, or NAME=PATH; several may be given
  --folder PATH    every repository in the folder
  --pairs N        clones by each side, interleaved (default 5)
  --memory N       further clones whose memory is watched (default 2)
  --json FILE      the figures and all samples (default target/bench-clone.json)`;

const { values } = parseArgs({
  options: {
    repo: { type: 'string', multiple: true, default: [] },
    folder: { type: 'string' },
    pairs: { type: 'string', default: '5' },
    memory: { type: 'string', default: '2' },
    json: { type: 'string', default: path.join(root, 'target/bench-clone.json') },
    help: { type: 'boolean', default: false },
  },
});

const isRepository = (/** @type {string} */ place) => existsSync(path.join(place, '.git')) || existsSync(path.join(place, 'objects'));
/** @type {Array<[name: string, place: string]>} */
const chosen = values.repo.map((given) => {
  const [name, place] = /^([^/=]+)=(.+)$/s.exec(given)?.slice(1) ?? [];
  return name && place ? [name, path.resolve(place)] : named(path.resolve(given));
});
if (values.folder) {
  const folder = path.resolve(values.folder);
  chosen.push(...readdirSync(folder).sort().map((name) => path.join(folder, name)).filter(isRepository).map(named));
}
if (values.help || chosen.length === 0) {
  console.log(HELP);
  process.exit(values.help ? 0 : 1);
}

const work = mkdtempSync(path.join(tmpdir(), 'gitside-bench-'));
const repositories = path.join(work, 'repositories');
mkdirSync(repositories);
const names = chosen.map(([name, place]) => {
  const common = execFileSync('git', ['-C', place, 'rev-parse', '--path-format=absolute', '--git-common-dir'], { encoding: 'utf8' }).trim();
  symlinkSync(common, path.join(repositories, `${name}.git`));
  return name;
});

const server = await startServer({ git: repositories, more: ['--www', `/bench=${path.join(root, 'benches/browser')}`] });
const results = [];
try {
  for (const name of names) results.push(await measure(name));
} finally {
  await server.stop();
  rmSync(work, { recursive: true, force: true, maxRetries: 5 });
}
print(results);
mkdirSync(path.dirname(path.resolve(values.json)), { recursive: true });
writeFileSync(values.json, `${JSON.stringify(results, null, 2)}\n`);
console.log(`\nAll samples are in ${values.json}`);

/** @param {string} place @returns {[string, string]} */
function named(place) {
  return [path.basename(place).replace(/\.git$/, ''), place];
}

/** @param {string} name */
async function measure(name) {
  const url = server.url(`/test/${name}.git`);
  const browser = await Browser.start();
  try {
    // Both once without the clock, so that the repository is in the system's cache for both.
    byGit(url);
    const first = await inBrowser(browser, url);
    const [git, gitside] = [[], []];
    for (let pair = 0; pair < Number(values.pairs); pair += 1) {
      git.push(byGit(url).seconds);
      gitside.push(await inBrowser(browser, url));
      console.error(`${name}: pair ${pair + 1}: git ${git.at(-1)?.toFixed(2)} s, gitside ${gitside.at(-1)?.seconds.toFixed(2)} s`);
    }
    const memory = [];
    for (let run = 0; run < Number(values.memory); run += 1) memory.push((await inBrowser(browser, url, true)).memory);
    await browser.stop();
    return { name, objects: first.objects, bytes: first.bytes, git, gitside: gitside.map(({ seconds }) => seconds), wasm: gitside.map(({ wasm }) => wasm), memory };
  } catch (error) {
    await browser.stop().catch(() => {});
    throw error;
  }
}

/** @param {string} url */
function byGit(url) {
  const place = path.join(work, 'by-git.git');
  const start = performance.now();
  const { status, stderr } = spawnSync('git', ['clone', '--bare', '--quiet', url, place], { encoding: 'utf8', env: { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' } });
  const seconds = (performance.now() - start) / 1000;
  if (status !== 0) throw new Error(`git clone ${url}: ${stderr}`);
  rmSync(place, { recursive: true, force: true });
  return { seconds };
}

/** One clone in a page of its own. @param {Browser} browser @param {string} url @param {boolean} [watched] */
async function inBrowser(browser, url, watched = false) {
  const page = await browser.page(server.url('/e2e/blank.html'));
  const main = watched ? await browserProcess(browser, page) : 0;
  let empty = 0;
  if (watched) {
    await page.waitForTimeout(3000);
    empty = memoryOf(main);
  }
  await server.clearLog();
  const watching = watched ? watch(main, 50) : undefined;
  const done = await page.evaluate(async (url) => {
    const { clone } = await import(/** @type {any} */ ('/pkg/index.js'));
    const worker = () => new Worker('/bench/worker.js', { type: 'module' });
    const start = performance.now();
    const repo = await clone(url, 'bench', { worker });
    const seconds = (performance.now() - start) / 1000;
    const { objects } = await repo.usage();
    const channel = new BroadcastChannel('gitside-bench');
    const wasm = await new Promise((resolve) => {
      channel.onmessage = ({ data }) => data !== 'memory?' && resolve(data.memory);
      channel.postMessage('memory?');
    });
    channel.close();
    return { seconds, objects, wasm };
  }, url);
  const seen = watching?.stop();
  const bytes = (await server.log()).reduce((/** @type {number} */ sum, /** @type {{ path: string, sent: number }} */ { path, sent }) => sum + (path.startsWith('/test/') ? sent : 0), 0);
  await page.evaluate(async () => (await import(/** @type {any} */ ('/pkg/index.js'))).remove('bench'));
  await page.close();
  return { ...done, bytes, memory: seen && { above: seen.most - empty, empty, samples: seen.samples } };
}

/** @param {any[]} results */
function print(results) {
  const mib = (/** @type {number} */ bytes) => (bytes / 1048576).toFixed(1);
  const rows = results.map(({ name, objects, bytes, git, gitside, wasm, memory }) => [
    name,
    String(objects),
    mib(bytes),
    median(git).toFixed(2),
    median(gitside).toFixed(2),
    `${(median(gitside) / median(git)).toFixed(2)}x`,
    mib(Math.max(...wasm)),
    memory.length ? mib(Math.max(...memory.map((/** @type {{ above: number }} */ { above }) => above))) : '-',
  ]);
  const heading = ['repository', 'objects', 'MiB sent', 'git s', 'gitside s', 'ratio', 'wasm MiB', 'browser MiB'];
  console.log(`\nMedians of ${values.pairs} pairs; memory is the most seen, the browser's above an empty page.\n`);
  console.log(table([heading, ...rows]));
}
