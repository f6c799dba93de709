// `cargo xtask bench`: gitside in headless Chromium beside native git, and beside other browser
// clients, with the same server on the same machine. What each file of this folder does is said in
// `benches/README.md`.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, release, tmpdir, totalmem } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { root, startServer } from '../../tests/e2e/support/server.mjs';
import { mebibytes } from './figures.mjs';
import { measure } from './measure.mjs';
import { git } from './native.mjs';
import { OPERATIONS } from './operations.mjs';
import { measurePeer, PEERS } from './peers.mjs';
import { among, beside } from './report.mjs';
import { generated, local, Subject } from './repositories.mjs';
import { Run } from './run.mjs';

const HELP = `cargo xtask bench [options]

  --sizes LIST     generated repositories, in objects (default 50000,250000)
  --seed N         what they are generated from (default 1)
  --repo PATH      a repository of this machine instead, or NAME=PATH; several may be given
  --only LIST      operations: ${OPERATIONS.map(({ id }) => id).join(', ')}
  --pairs N        runs of each side, interleaved (default 5)
  --passes LIST    what is measured: time, memory, tasks, and aborts, which needs time (default: all)
  --peers LIST     other clients too: ${Object.keys(PEERS).join(', ')}, or all (default: none)
  --peer-runs N    runs of each of them (default 1)
  --limit MINUTES  for one operation of one client (default 10)
  --json FILE      the figures and all samples (default target/bench.json); the tables are written beside it`;

const { values } = parseArgs({
  options: {
    sizes: { type: 'string' },
    seed: { type: 'string', default: '1' },
    repo: { type: 'string', multiple: true, default: [] },
    only: { type: 'string' },
    pairs: { type: 'string', default: '5' },
    passes: { type: 'string', default: 'time,memory,tasks,aborts' },
    peers: { type: 'string' },
    'peer-runs': { type: 'string', default: '1' },
    limit: { type: 'string', default: '10' },
    json: { type: 'string', default: path.join(root, 'target/bench.json') },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(HELP);
  process.exit(0);
}

/** @typedef {import('./report.mjs').Figures} Figures */

const list = (/** @type {string} */ text) => text.split(',').filter(Boolean);
const passes = new Set(list(values.passes));
const only = list(values.only ?? OPERATIONS.map(({ id }) => id).join());
only.forEach((id) => OPERATIONS.some((operation) => operation.id === id) || fail(`there is no operation '${id}'`));
const operations = OPERATIONS.filter(({ id }) => only.includes(id));
const peers = values.peers === undefined ? [] : (values.peers === 'all' ? Object.keys(PEERS) : list(values.peers)).map((name) => PEERS[name] ?? fail(`there is no client '${name}'`));
const sizes = values.sizes === undefined ? (values.repo.length ? [] : ['50000', '250000']) : list(values.sizes);
const chosen = [...(sizes.length ? generated(sizes, values.seed) : []), ...values.repo.map(local)];

const machine = { cores: cpus().length, model: cpus()[0]?.model, memory: totalmem(), kernel: release() };
const chromium = execFileSync(process.env.CHROME ?? 'chromium', ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
const versions = { git: git(['--version']), chromium: chromium.trim(), node: `Node.js ${process.version}` };

const work = mkdtempSync(path.join(tmpdir(), 'gitside-bench-'));
mkdirSync(path.join(work, 'served'));
const server = await startServer({
  more: [
    ...['uploadpack.allowFilter=true', 'uploadpack.allowAnySHA1InWant=true', 'http.receivepack=true'].flatMap((setting) => ['--config', setting]),
    ...['--git', `/bench-git=${path.join(work, 'served')}`],
    // A page that is isolated from other origins starts only Workers that are, too.
    ...['Cross-Origin-Opener-Policy=same-origin', 'Cross-Origin-Embedder-Policy=require-corp'].flatMap((header) => ['--header', header]),
    ...['/isolated=tests/e2e/pages', '/bench=benches/browser', '/peers=benches/node_modules'].flatMap((mount) => {
      const [prefix = '', folder = ''] = mount.split('=');
      return ['--www', `${prefix}=${path.join(root, folder)}`];
    }),
  ],
});
/** @type {Array<import('./report.mjs').Result>} */
const results = [];
try {
  for (const [at, one] of chosen.entries()) {
    const result = await measured(new Subject(work, `r${at}`, one));
    results.push(result);
    console.log(`\n${tables(result)}`);
    write();
  }
} finally {
  await server.stop();
  rmSync(work, { recursive: true, force: true, maxRetries: 5 });
}
console.log(`\nMedians of ${values.pairs} pairs on ${machine.cores} cores of ${machine.model}, ${mebibytes(machine.memory)} MiB, Linux ${machine.kernel};`);
console.log(`${Object.values(versions).join(', ')}. All samples are in ${values.json}`);

/** @param {string} message @returns {never} */
function fail(message) {
  console.error(message);
  process.exit(1);
}

/** @param {import('./report.mjs').Result} result */
function tables(result) {
  return [beside(result), ...(peers.length ? [among(result)] : [])].join('\n\n');
}

function write() {
  mkdirSync(path.dirname(path.resolve(values.json)), { recursive: true });
  writeFileSync(values.json, `${JSON.stringify({ machine, versions, options: values, results }, null, 2)}\n`);
  writeFileSync(values.json.replace(/(\.json)?$/, '.md'), `${results.map(tables).join('\n\n')}\n`);
}

/** @param {Subject} subject @returns {Promise<import('./report.mjs').Result>} */
async function measured(subject) {
  const run = new Run(server, subject, server.url(`/bench-git/${path.basename(subject.served)}`), Number(values.limit) * 60_000);
  const fitting = operations.filter(({ applies }) => applies?.(subject) ?? true);
  const say = (/** @type {string} */ text) => console.error(`${subject.name}: ${text}`);
  /** @type {Record<string, Record<string, Figures>>} */
  const sides = { git: {}, gitside: {} };
  const of = (/** @type {string} */ side, /** @type {import('./operations.mjs').Operation} */ { id }) => ((sides[side] ??= {})[id] ??= { samples: [] });
  const reads = await measure(run, fitting, of, { pairs: Number(values.pairs), passes, say });
  for (const peer of peers) {
    for (let time = 0; time < Number(values['peer-runs']); time += 1) await measurePeer(run, peer, fitting, of, say);
  }
  return { name: subject.name, shape: subject.shape, reads, sides };
}
