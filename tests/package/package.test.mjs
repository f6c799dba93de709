// The package as a stranger gets it: packed, installed from the tarball, imported in Chromium and in
// a TypeScript project.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Browser } from '../e2e/support/browser.mjs';
import { root, startServer } from '../e2e/support/server.mjs';

const folder = mkdtempSync(path.join(tmpdir(), 'gitside-stranger-'));
const installed = path.join(folder, 'node_modules/gitside');

const PAGE = `<!doctype html>
<meta charset="utf-8" /><title>stranger</title><link rel="icon" href="data:," />
<script type="importmap">{ "imports": { "gitside": "/stranger/node_modules/gitside/index.js" } }</script>
`;

/** @param {string} program @param {string[]} args @param {string} cwd */
function run(program, args, cwd) {
  return execFileSync(program, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** @type {string[]} */ let packed = [];
/** @type {Awaited<ReturnType<typeof startServer>>} */ let server;
/** @type {Browser} */ let browser;

before(async () => {
  const [report] = JSON.parse(run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], path.join(root, 'pkg')));
  packed = report.files.map((/** @type {{ path: string }} */ file) => file.path).sort();
  writeFileSync(path.join(folder, 'package.json'), '{ "name": "stranger", "private": true, "type": "module" }');
  run('npm', ['install', '--offline', '--no-audit', '--no-fund', `./${report.filename}`], folder);
  writeFileSync(path.join(folder, 'index.html'), PAGE);
  server = await startServer({ more: ['--www', `/stranger=${folder}`] });
  browser = await Browser.start();
});

after(async () => {
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
  await browser?.stop();
});

test('the package holds what it needs and nothing else', () => {
  const modules = readdirSync(path.join(root, 'pkg')).filter((name) => name.endsWith('.js'));
  const wasm = ['gitside.d.ts', 'gitside.js', 'gitside_bg.wasm', 'gitside_bg.wasm.d.ts'].map((name) => `wasm/${name}`);
  const prose = packed.filter((name) => /^(README|LICENSE|CHANGELOG)/.test(name));
  assert.deepEqual(packed.filter((name) => !prose.includes(name)), [...modules, 'index.d.ts', 'package.json', ...wasm].sort());
});

test('it has no dependencies and runs nothing when installed', () => {
  const manifest = JSON.parse(readFileSync(path.join(installed, 'package.json'), 'utf8'));
  for (const key of ['dependencies', 'peerDependencies', 'optionalDependencies', 'scripts', 'bin']) assert.equal(manifest[key], undefined, key);
  assert.deepEqual(readdirSync(path.join(folder, 'node_modules')).filter((name) => !name.startsWith('.')), ['gitside']);
});

test('the exports map leads to the entry points and to nothing inside', () => {
  const ask = (/** @type {string} */ name) => {
    const script = `process.stdout.write(import.meta.resolve(${JSON.stringify(name)}))`;
    return run(process.execPath, ['--input-type=module', '--eval', script], folder);
  };
  for (const [name, file] of [['gitside', 'index.js'], ['gitside/worker', 'worker.js'], ['gitside/package.json', 'package.json'], ['gitside/wasm/gitside_bg.wasm', 'wasm/gitside_bg.wasm']]) {
    assert.ok(ask(name ?? '').endsWith(`/node_modules/gitside/${file}`), name);
  }
  for (const inside of ['gitside/rpc.js', 'gitside/engine.js', 'gitside/index.js']) {
    assert.throws(() => ask(inside), /ERR_PACKAGE_PATH_NOT_EXPORTED/, inside);
  }
});

test('importing it has no side effects but in the worker', async () => {
  const manifest = JSON.parse(readFileSync(path.join(installed, 'package.json'), 'utf8'));
  assert.deepEqual(manifest.sideEffects, ['./worker.js', './helper.js']);
  const page = await browser.page(server.url('/stranger/index.html'));
  /** @type {string[]} */
  const asked = [];
  page.on('request', (request) => asked.push(new URL(request.url()).pathname));
  const gained = await page.evaluate(async () => {
    const before = new Set(Reflect.ownKeys(globalThis));
    await import(/** @type {any} */ ('gitside'));
    return Reflect.ownKeys(globalThis).filter((key) => !before.has(key)).map(String);
  });
  assert.deepEqual(gained, []);
  assert.deepEqual(asked.filter((name) => name.includes('/wasm/') || /(worker|helper)\.js$/.test(name)), [], 'neither the wasm nor a Worker is fetched before it is needed');
  assert.equal(page.workers().length, 0);
  await page.close();
});

test('it offers what index.d.ts declares', async () => {
  const declared = readFileSync(path.join(installed, 'index.d.ts'), 'utf8').matchAll(/^export (?:declare )?(?:async )?(?:function|class|const) (\w+)/gm);
  const page = await browser.page(server.url('/stranger/index.html'));
  const offered = await page.evaluate(async () => Object.keys(await import(/** @type {any} */ ('gitside'))).sort());
  const names = new Set(Array.from(declared, ([, name]) => name));
  // The class is declared for its type; its instances come from clone, init and open.
  assert.deepEqual(offered.filter((name) => name !== 'Repository'), [...names].filter((name) => name !== 'Repository').sort());
  await page.close();
});

for (const worker of [true, false]) {
  test(`a stranger's page clones and reads ${worker ? 'with' : 'without'} a Worker`, async () => {
    const page = await browser.page(server.url('/stranger/index.html'));
    const seen = await page.evaluate(
      async ([url, worker]) => {
        const { clone, open, list, remove, GitError } = await import(/** @type {any} */ ('gitside'));
        const repo = await clone(url, 'mine', { worker });
        const paths = [];
        for await (const entry of repo.tree('HEAD')) paths.push(entry.path);
        await repo.close();
        const names = [];
        for await (const info of list({ worker })) names.push(info.name);
        await remove('mine', { worker });
        const error = await open('mine', { worker }).catch((/** @type {unknown} */ error) => error);
        return { paths, names, code: error instanceof GitError && error.code };
      },
      /** @type {const} */ ([server.url('/git/example.git'), worker]),
    );
    assert.ok(seen.paths.length > 1, seen.paths.join());
    assert.deepEqual([seen.names, seen.code], [['mine'], 'NotFound']);
    await page.close();
  });
}

test('the lines of the README do what they say', async () => {
  const readme = readFileSync(path.join(root, 'README.md'), 'utf8');
  const lines = /```js\n([^`]*?\bclone\([^`]*?)```/.exec(readme)?.[1] ?? assert.fail('the README shows no clone');
  const address = /'(https:\/\/[^']+)'/.exec(lines)?.[1] ?? assert.fail('no address is cloned');
  writeFileSync(path.join(folder, 'readme.js'), lines.replace(address, server.url('/git/example.git')));
  const page = await browser.page(server.url('/stranger/index.html'));
  /** @type {string[]} */
  const logged = [];
  page.on('console', (message) => logged.push(message.text()));
  await page.evaluate(() => import(/** @type {any} */ ('/stranger/readme.js')));
  for (const expected of [/^receiving \d+ of \d+$/, /^100644 \S+$/, /^[0-9a-f]{40} ./]) {
    assert.ok(logged.some((line) => expected.test(line)), `${expected} in:\n${logged.join('\n')}`);
  }
  await page.close();
});

test('it type-checks in a project of its own', () => {
  const source = `import { clone, GitError, type Commit, type Repository } from 'gitside';
export async function first(url: string): Promise<Commit | undefined> {
  const repo: Repository = await clone(url, 'a', { depth: 1, onProgress: ({ phase }) => console.log(phase) });
  for await (const commit of repo.log('HEAD', { limit: 1 })) return commit;
  return undefined;
}
export const told = (error: unknown): string => (error instanceof GitError ? error.code : 'unknown');
`;
  mkdirSync(path.join(folder, 'src'));
  writeFileSync(path.join(folder, 'src/use.ts'), source);
  const tsc = path.join(root, 'tests/node_modules/typescript/bin/tsc');
  for (const resolution of [['--module', 'nodenext'], ['--module', 'esnext', '--moduleResolution', 'bundler']]) {
    const args = [tsc, '--strict', '--noEmit', '--target', 'es2022', '--lib', 'esnext,dom', ...resolution, 'src/use.ts'];
    try {
      run(process.execPath, args, folder);
    } catch (error) {
      assert.fail(`${resolution.join(' ')}: ${/** @type {{ stdout: string }} */ (error).stdout}`);
    }
  }
});
