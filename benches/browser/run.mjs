// One operation of one client, measured in one of the ways there are.

import { median } from './figures.mjs';
import { calm } from './processes.mjs';
import { Session } from './session.mjs';

/** @typedef {import('./operations.mjs').Operation} Operation */
/** @typedef {import('./repositories.mjs').Subject} Subject */
/** @typedef {import('./session.mjs').Client} Client */
/** @typedef {import('playwright-core').Page} Page */
/** @typedef {Awaited<ReturnType<typeof import('../../tests/e2e/support/server.mjs').startServer>>} Server */

/** Where in a call it is aborted, as shares of the time that it takes. */
const ABORTED_AT = [0.1, 0.3, 0.5, 0.7, 0.9];

/** What all runs of an operation share. */
export class Run {
  /** @param {Server} server @param {Subject} subject @param {string} url @param {number} limit in milliseconds, for one operation */
  constructor(server, subject, url, limit) {
    this.server = server;
    this.subject = subject;
    this.url = url;
    this.limit = limit;
  }

  /** A browser with the client; `from` is a profile to have a copy of. @param {Client} client @param {string} [from] */
  start(client, from) {
    return Session.start(this.server, client, { from, limit: this.limit });
  }

  /** Has the server as the operation needs it. @param {Operation} operation */
  serve(operation) {
    if (operation.before) operation.before(this.subject);
    else this.subject.serve(this.subject.base);
  }

  /** @param {Operation} operation */
  args(operation) {
    return { url: this.url, ...operation.args(this.subject) };
  }

  /** The profile of a browser in which the client cloned everything. @param {Client} client */
  async template(client) {
    this.subject.serve(this.subject.base);
    const session = await this.start(client);
    try {
      const page = await session.page();
      await session.load(page);
      await session.call(page, 'time', 'clone', { url: this.url });
      // What it does in the background after a clone, it is to have done.
      await calm(session.pid);
      return await session.keep();
    } catch (error) {
      await session.end();
      throw error;
    }
  }

  /** A page in which nothing is left to do but the operation. @param {Session} session @param {Operation} operation */
  async ready(session, operation) {
    const page = await session.page();
    await this.prepare(session, page, operation);
    return page;
  }

  /** @param {Session} session @param {Page} page @param {Operation} operation */
  async prepare(session, page, operation) {
    await session.load(page);
    if (operation.needs === 'store' && operation.id !== 'coldRead') await session.call(page, 'time', 'open');
  }

  /** Times it once, and again where that is possible, in a page that is ready. @param {Session} session @param {Page} page @param {Operation} operation */
  async timeIn(session, page, operation) {
    await this.server.clearLog();
    const { ms, value } = await session.call(page, 'time', operation.call, this.args(operation));
    this.check(operation, value);
    /** @type {import('./report.mjs').Sample} */
    const sample = { ms, ...(await this.#traffic()) };
    if (operation.needs === 'store' && !operation.writes) {
      const again = operation.id === 'coldRead' ? 'read' : operation.call;
      sample.again = (await session.call(page, 'time', again, this.args(operation))).ms;
    }
    if (operation.id === 'clone') sample.stored = await session.call(page, 'stored');
    return sample;
  }

  /** @param {Session} session @param {Operation} operation */
  async time(session, operation) {
    const page = await this.ready(session, operation);
    const sample = await this.timeIn(session, page, operation);
    await page.close();
    return sample;
  }

  /** The most memory while the client is loaded and does it. @param {Session} session @param {Operation} operation */
  async memory(session, operation) {
    const page = await session.page();
    const memory = await session.weigh(page, async () => {
      await this.prepare(session, page, operation);
      await session.call(page, 'time', operation.call, this.args(operation));
    });
    await page.close();
    return memory;
  }

  /** The longest tasks of the main thread. @param {Session} session @param {Operation} operation */
  async tasks(session, operation) {
    const page = await this.ready(session, operation);
    await session.call(page, 'keep', this.args(operation));
    const tasks = await session.tasks(page, () => session.call(page, 'time', operation.call));
    await page.close();
    return tasks;
  }

  /** How long it went on after it was aborted, at several moments. @param {Session} session @param {Operation} operation @param {number} ms how long it takes */
  async aborts(session, operation, ms) {
    const answers = [];
    for (const share of ABORTED_AT) {
      const page = await this.ready(session, operation);
      const told = await session.call(page, 'abort', operation.call, this.args(operation), ms * share);
      await page.close();
      if (told.answered !== undefined) answers.push(told.answered);
      // It was done before; what it would do now is something else.
      else if (operation.writes || operation.needs === 'clone') break;
    }
    return answers;
  }

  /** What gitside takes from IndexedDB for a cold read, and how long a warm one takes. @param {string} kept a profile with a clone */
  async reads(kept) {
    const session = await this.start({ name: 'gitside', options: { worker: 'watched' } }, kept);
    const args = { path: this.subject.facts.file };
    try {
      const page = await session.page();
      await session.load(page);
      const before = await session.call(page, 'reads');
      await session.call(page, 'time', 'coldRead', args);
      const after = await session.call(page, 'reads');
      const warm = [];
      for (let n = 0; n < 20; n += 1) warm.push((await session.call(page, 'time', 'read', args)).ms);
      return { rows: after.rows - before.rows, requests: after.requests - before.requests, warm: median(warm) };
    } finally {
      await session.end();
    }
  }

  /** Refuses figures of something else than was asked for. @param {Operation} operation @param {string | undefined} value nothing where it cannot be compared */
  check({ id, title }, value) {
    const { expected } = this.subject.facts;
    const wanted = expected[id === 'coldRead' ? 'read' : id];
    // Clients that only count are compared by that.
    if (wanted === undefined || value === undefined || wanted === value || wanted.split(' ')[0] === value) return;
    throw new Error(`${title}: it answered ${value}, and git ${wanted}`);
  }

  async #traffic() {
    const entries = (await this.server.log()).filter((/** @type {{ path: string }} */ { path }) => path.startsWith('/bench-git/'));
    return { requests: entries.length, down: entries.reduce((/** @type {number} */ sum, /** @type {{ sent: number }} */ { sent }) => sum + sent, 0) };
  }
}
