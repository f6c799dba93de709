// The test server as a child of the test, with its faults and its log.

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../..', import.meta.url));

/**
 * Starts the server with the viewer at `/`, the package at `/pkg`, a blank page at `/e2e/blank.html`,
 * the example repository at `/git/example.git`, and `git` (a folder of bare repositories, which take pushes) at `/test`.
 * It stops with the test run, however that ends.
 * @param {{ git?: string, more?: string[] }} [options]
 */
export async function startServer({ git, more = [] } = {}) {
  const program = process.env.GITSIDE_SERVER ?? path.join(root, 'target/debug/gitside-server');
  const mount = (/** @type {string} */ prefix, /** @type {string} */ folder) => ['--www', `${prefix}=${path.join(root, folder)}`];
  const args = ['--until-eof', '--control', '--cors', 'full', '--example', '--proxy'];
  // Anybody may push there.
  if (git) args.push('--config', 'http.receivepack=true', '--git', `/test=${git}`);
  args.push(...mount('/', 'www'), ...mount('/pkg', 'pkg'), ...mount('/e2e', 'tests/e2e/pages'), ...more);
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const ready = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`gitside-server ended with ${code} before it was ready`)));
    createInterface({ input: child.stdout }).once('line', resolve);
  });
  const { url: origin } = JSON.parse(ready);
  return new RunningServer(child, origin);
}

class RunningServer {
  /** @param {import('node:child_process').ChildProcess} child @param {string} origin */
  constructor(child, origin) {
    this.child = child;
    this.origin = origin;
  }

  /** @param {string} where */
  url(where) {
    return new URL(where, this.origin).href;
  }

  /** Sets a fault; see the server's `fault.rs` for the kinds. @param {object} when @param {object} fault */
  async fault(when, fault) {
    return (await this.#control('POST', 'faults', { when, fault })).id;
  }

  /** Slows the packs down to `bytes` every `ms` milliseconds. @param {number} bytes @param {number} ms */
  slow(bytes, ms) {
    return this.fault({ method: 'POST', pathContains: 'git-upload-pack' }, { kind: 'dribble', bytes, ms });
  }

  clearFaults() {
    return this.#control('DELETE', 'faults');
  }

  log() {
    return this.#control('GET', 'log');
  }

  clearLog() {
    return this.#control('DELETE', 'log');
  }

  async stop() {
    const gone = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.stdin?.end();
    await gone;
  }

  /** @param {string} method @param {string} what @param {object} [body] */
  async #control(method, what, body) {
    const response = await fetch(this.url(`/__control/${what}`), { method, body: body && JSON.stringify(body) });
    if (!response.ok) throw new Error(`the server's control says ${response.status}: ${await response.text()}`);
    return response.status === 204 ? undefined : response.json();
  }
}
