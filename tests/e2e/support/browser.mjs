// Chromium with a profile on the disk (a new context of Playwright's keeps its storage in memory),
// which can be left and started again, and pages whose complaints fail the test.

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { chromium } from 'playwright-core';

const ARGUMENTS = ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

/** A browser on a profile of its own. */
export class Browser {
  /** What pages complained of and no test expected. @type {string[]} */
  complaints = [];
  /** @type {import('playwright-core').BrowserContext} */
  context = /** @type {any} */ (undefined);

  /** @param {string} [profile] a folder, which becomes the browser's */
  static async start(profile = mkdtempSync(path.join(tmpdir(), 'gitside-profile-'))) {
    const browser = new Browser(profile);
    await browser.#launch();
    return browser;
  }

  /** @param {string} profile */
  constructor(profile) {
    this.profile = profile;
  }

  async #launch() {
    const root = process.getuid?.() === 0;
    // What it leaves when it is killed goes away with the profile.
    const scratch = path.join(this.profile, 'scratch');
    mkdirSync(scratch, { recursive: true });
    this.context = await chromium.launchPersistentContext(this.profile, {
      executablePath: process.env.CHROME ?? '/usr/bin/chromium',
      headless: true,
      chromiumSandbox: !root,
      args: ARGUMENTS,
      env: { .../** @type {Record<string, string>} */ (process.env), TMPDIR: scratch },
      viewport: { width: 1200, height: 800 },
    });
    this.context.setDefaultTimeout(60_000);
  }

  /**
   * A new page at `url`. What it writes as an error, and every exception it does not catch, is a
   * complaint, unless it matches `expected`.
   * @param {string} url @param {{ expected?: RegExp }} [options]
   */
  async page(url, { expected } = {}) {
    const page = await this.context.newPage();
    const complain = (/** @type {string} */ text) => {
      if (!expected?.test(text)) this.complaints.push(text);
    };
    page.on('console', (message) => {
      if (message.type() === 'error') complain(`console: ${message.text()} (${message.location().url})`);
    });
    page.on('pageerror', (error) => complain(`uncaught: ${error.stack ?? error}`));
    await page.goto(url);
    return page;
  }

  /** @param {import('playwright-core').Page} page */
  cdp(page) {
    return this.context.newCDPSession(page);
  }

  /** Ends the page's renderer as a crash does. @param {import('playwright-core').Page} page */
  async crash(page) {
    const crashed = page.waitForEvent('crash', { timeout: 30_000 });
    const session = await this.cdp(page);
    session.send('Page.crash').catch(() => {});
    await crashed;
    await page.close().catch(() => {});
  }

  /** Leaves the browser properly and starts it again on the same profile. */
  async restart() {
    await this.context.close();
    await this.#launch();
  }

  /** Ends all its processes without a warning and starts it again on the same profile. */
  async killAndRestart() {
    const session = await this.context.browser()?.newBrowserCDPSession();
    const info = await (session ?? (await this.cdp(await this.context.newPage()))).send('SystemInfo.getProcessInfo');
    const main = info.processInfo.find((/** @type {{ type: string }} */ process) => process.type === 'browser');
    const closed = new Promise((resolve) => this.context.once('close', resolve));
    for (const { id } of [...(main ? [main] : []), ...info.processInfo]) {
      try {
        process.kill(id, 'SIGKILL');
      } catch {
        // It ended with the one before.
      }
    }
    await closed;
    for (const lock of ['SingletonLock', 'SingletonCookie', 'SingletonSocket']) rmSync(path.join(this.profile, lock), { force: true });
    await this.#launch();
  }

  /** Closes it, removes the profile, and throws if a page complained. */
  async stop() {
    await this.context.close().catch(() => {});
    rmSync(this.profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    if (this.complaints.length) throw new Error(`pages complained:\n${this.complaints.join('\n')}`);
  }
}
