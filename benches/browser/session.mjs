// A browser with a fresh profile, and a client in a page of it. Reading from a clone is measured on a
// copy of the profile of a browser that cloned and ended.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Browser } from '../../tests/e2e/support/browser.mjs';
import { browserProcess, calm, family, memoryOf, watch } from './processes.mjs';
import { traced } from './trace.mjs';

/** @typedef {{ name: string, options?: object, isolated?: boolean }} Client */
/** @typedef {import('playwright-core').Page} Page */

/** It took longer than it was given. */
export class TimeUp extends Error {}

export class Session {
  /** The browser's first process, once there is a page. */
  pid = 0;

  /** @param {{ url(where: string): string }} server @param {Client} client @param {{ from?: string, limit: number }} options `limit` in milliseconds, for each operation */
  static async start(server, client, { from, limit }) {
    const profile = mkdtempSync(path.join(tmpdir(), 'gitside-bench-profile-'));
    if (from) execFileSync('cp', ['-r', '--reflink=auto', `${from}/.`, profile]);
    return new Session(server, client, await Browser.start(profile), limit);
  }

  /** @param {{ url(where: string): string }} server @param {Client} client @param {Browser} browser @param {number} limit */
  constructor(server, client, browser, limit) {
    this.server = server;
    this.client = client;
    this.browser = browser;
    this.limit = limit;
  }

  /** A new page. What clients write to its console is theirs. */
  async page() {
    const page = await this.browser.page(this.server.url(this.client.isolated ? '/isolated/blank.html' : '/e2e/blank.html'), { expected: /(?:)/ });
    this.pid ||= await browserProcess(this.browser, page);
    return page;
  }

  /** Has the client in the page, ready and without anything open. @param {Page} page */
  async load(page) {
    await page.evaluate(async ({ name, options = {} }) => {
      const { load } = await import(/** @type {any} */ ('/bench/clients/load.js'));
      const client = await load(name, options);
      await client.time('init');
      Object.assign(globalThis, { client });
    }, this.client);
  }

  /**
   * Calls what `clients/load.js` offers.
   * @param {Page} page @param {'keep' | 'time' | 'abort' | 'reads' | 'stored'} what @param {...any} args
   * @returns {Promise<any>}
   */
  async call(page, what, ...args) {
    const done = page.evaluate(([what, args]) => /** @type {any} */ (globalThis).client[what](...args), /** @type {const} */ ([what, args]));
    /** @type {NodeJS.Timeout | undefined} */
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new TimeUp(`more than ${(this.limit / 60_000).toFixed(0)} min`)), this.limit);
    });
    try {
      return await Promise.race([done, late]);
    } finally {
      clearTimeout(timer);
      done.catch(() => {});
    }
  }

  /** The most memory that all processes of the browser had while working, above an empty page; in bytes. @param {Page} page @param {() => Promise<unknown>} work */
  async weigh(page, work) {
    await calm(this.pid);
    const empty = memoryOf(this.pid);
    const watching = watch(this.pid, 50);
    try {
      await work();
    } finally {
      var { most } = watching.stop();
    }
    return most - empty;
  }

  /** The longest tasks of the main thread while working, in milliseconds of CPU time. @param {Page} page @param {() => Promise<unknown>} work */
  tasks(page, work) {
    return traced(this.browser, page, work);
  }

  /** Ends the browser as a user does, and answers its profile. */
  async keep() {
    await this.browser.context.close();
    return this.browser.profile;
  }

  /** The same, but a copy: `end` removes the profile itself. */
  async copy() {
    const place = mkdtempSync(path.join(tmpdir(), 'gitside-bench-kept-'));
    execFileSync('cp', ['-r', '--reflink=auto', `${await this.keep()}/.`, place]);
    return place;
  }

  /** Ends it, however stuck it is, and removes its profile. */
  async end() {
    const closed = this.browser.context.close();
    const timer = setTimeout(() => this.pid && family(this.pid).forEach(kill), 10_000);
    await closed.catch(() => {});
    clearTimeout(timer);
    rmSync(this.browser.profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

/** @param {number} pid */
function kill(pid) {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself.
  }
}
