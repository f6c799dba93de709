// A fetch in headless Chromium beside `git fetch`, from the same server, in interleaved pairs: of
// nothing new, of one new commit, and of a hundred. Requests and bytes are the server's count.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { Browser } from '../../tests/e2e/support/browser.mjs';
import { root, startServer } from '../../tests/e2e/support/server.mjs';
import { median, table } from './figures.mjs';

const HELP = `cargo xtask bench fetch [options]

  --commits N      commits of the repository that is made for it (default 50000)
  --repo PATH      fetch from a copy of this repository instead
  --pairs N        fetches by each side, interleaved (default 5)
  --json FILE      the figures and all samples (default target/bench-fetch.json)`;

const { values } = parseArgs({
  options: {
    commits: { type: 'string', default: '50000' },
    repo: { type: 'string' },
    pairs: { type: 'string', default: '5' },
    json: { type: 'string', default: path.join(root, 'target/bench-fetch.json') },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(HELP);
  process.exit(0);
}

const environment = {
  ...process.env,
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'bench',
  GIT_AUTHOR_EMAIL: 'bench@example.org',
  GIT_COMMITTER_NAME: 'bench',
  GIT_COMMITTER_EMAIL: 'bench@example.org',
};
const work = mkdtempSync(path.join(tmpdir(), 'gitside-bench-'));
const repositories = path.join(work, 'repositories');
mkdirSync(repositories);
const source = path.join(repositories, 'source.git');

/** @param {string[]} args @param {string} [input] */
function git(args, input) {
  return execFileSync('git', args, { encoding: 'utf8', env: environment, input, maxBuffer: 1 << 30, stdio: ['pipe', 'pipe', 'pipe'] }).trim();
}

if (values.repo) git(['clone', '--quiet', '--mirror', path.resolve(values.repo), source]);
else make(Number(values.commits));
const branch = git(['-C', source, 'symbolic-ref', 'HEAD']);
let time = Number(git(['-C', source, 'log', '-1', '--format=%ct', branch]));

const server = await startServer({ git: repositories });
const url = server.url('/test/source.git');
const copy = path.join(work, 'by-git');
const browser = await Browser.start();
/** @type {Array<Awaited<ReturnType<typeof measure>>>} */
const results = [];
try {
  const page = await browser.page(server.url('/e2e/blank.html'));
  git(['clone', '--quiet', '--no-checkout', url, copy]);
  for (const [key, value] of [['gc.auto', '0'], ['maintenance.auto', 'false']]) git(['-C', copy, 'config', String(key), String(value)]);
  await page.evaluate(async (url) => {
    const { clone } = await import(/** @type {any} */ ('/pkg/index.js'));
    /** @type {any} */ (globalThis).repo = await clone(url, 'bench');
  }, url);
  for (const protocol of [2, 0]) {
    for (const commits of [0, 1, 100]) results.push(await measure(page, protocol, commits));
  }
} finally {
  await browser.stop().catch(() => {});
  await server.stop();
  rmSync(work, { recursive: true, force: true, maxRetries: 5 });
}
print();
mkdirSync(path.dirname(path.resolve(values.json)), { recursive: true });
writeFileSync(values.json, `${JSON.stringify(results, null, 2)}\n`);
console.log(`\nAll samples are in ${values.json}`);

/** A line of history on one branch. @param {number} commits */
function make(commits) {
  git(['init', '--quiet', '--bare', '--initial-branch=main', source]);
  const lines = [];
  for (let n = 1; n <= commits; n += 1) {
    const text = `line ${n}\n`;
    lines.push('commit refs/heads/main', `committer bench <bench@example.org> ${1_500_000_000 + n * 60} +0000`, 'data 2', `c`, '');
    lines.push(`M 100644 inline dir${n % 50}/file${n % 500}.txt`, `data ${text.length}`, text);
  }
  git(['-C', source, 'fast-import', '--quiet', '--done'], `${lines.join('\n')}\ndone\n`);
}

/** New commits on the server. @param {number} count */
function grow(count) {
  const tree = git(['-C', source, 'rev-parse', `${branch}^{tree}`]);
  for (let n = 0; n < count; n += 1) {
    time += 60;
    const env = { ...environment, GIT_AUTHOR_DATE: `${time} +0000`, GIT_COMMITTER_DATE: `${time} +0000` };
    const commit = execFileSync('git', ['-C', source, 'commit-tree', tree, '-p', branch, '-m', `new ${time}`], { encoding: 'utf8', env }).trim();
    git(['-C', source, 'update-ref', branch, commit]);
  }
}

/** @param {import('playwright-core').Page} page @param {number} protocol @param {number} commits */
async function measure(page, protocol, commits) {
  /** @type {Array<Record<string, number>>} */
  const samples = [];
  for (let pair = 0; pair < Number(values.pairs); pair += 1) {
    grow(commits);
    await server.clearLog();
    const start = performance.now();
    const { status, stderr } = spawnSync('git', ['-C', copy, '-c', `protocol.version=${protocol}`, 'fetch', '--quiet'], { encoding: 'utf8', env: environment });
    const gitSeconds = (performance.now() - start) / 1000;
    if (status !== 0) throw new Error(`git fetch: ${stderr}`);
    const byGit = await traffic();
    await server.clearLog();
    const { seconds, objects, rounds } = await page.evaluate(async (protocolVersion) => {
      const start = performance.now();
      const { objects, rounds } = await /** @type {any} */ (globalThis).repo.fetch({ protocolVersion });
      return { seconds: (performance.now() - start) / 1000, objects, rounds };
    }, protocol);
    const ours = await traffic();
    samples.push({ git: gitSeconds, gitside: seconds, objects, rounds, gitRequests: byGit.requests, requests: ours.requests, gitUp: byGit.up, up: ours.up, gitDown: byGit.down, down: ours.down });
    console.error(`v${protocol}, ${commits} new: pair ${pair + 1}: git ${gitSeconds.toFixed(3)} s, gitside ${seconds.toFixed(3)} s`);
  }
  return { protocol, commits, samples };
}

async function traffic() {
  const entries = (await server.log()).filter((/** @type {{ path: string }} */ { path }) => path.startsWith('/test/'));
  const sum = (/** @type {string} */ key) => entries.reduce((/** @type {number} */ total, /** @type {Record<string, number>} */ entry) => total + (entry[key] ?? 0), 0);
  return { requests: entries.length, up: sum('bodyBytes'), down: sum('sent') };
}

function print() {
  const rows = results.map(({ protocol, commits, samples }) => {
    const middle = (/** @type {string} */ key) => median(samples.map((sample) => sample[key] ?? NaN));
    const ms = (/** @type {string} */ key) => (middle(key) * 1000).toFixed(0);
    const pair = (/** @type {string} */ ours, /** @type {string} */ theirs) => `${middle(ours)} (${middle(theirs)})`;
    const ratio = `${(middle('gitside') / middle('git')).toFixed(2)}x`;
    return [`v${protocol}, ${commits} new`, ms('git'), ms('gitside'), ratio, pair('requests', 'gitRequests'), pair('up', 'gitUp'), pair('down', 'gitDown'), String(middle('rounds'))];
  });
  const heading = ['fetch of commits', 'git ms', 'gitside ms', 'ratio', 'requests (git)', 'bytes up (git)', 'bytes down (git)', 'rounds'];
  console.log(`\nMedians of ${values.pairs} pairs; bytes are those of bodies.\n`);
  console.log(table([heading, ...rows]));
}
