// Other clients, each in its best documented configuration (see its file in `clients/`), and what they
// have no call for. What fails is a figure as well, and ends nothing but itself.

import { rmSync } from 'node:fs';

/** @typedef {import('./measure.mjs').FiguresOf} FiguresOf */
/** @typedef {import('./operations.mjs').Operation} Operation */
/** @typedef {import('./run.mjs').Run} Run */
/** @typedef {import('./session.mjs').Session} Session */
/** @typedef {import('playwright-core').Page} Page */

/**
 * @typedef {object} Peer
 * @property {string} name of its file in `clients/` and of its package
 * @property {boolean} [isolated] its page is isolated from other origins
 * @property {boolean} keeps what it cloned is there in another page
 * @property {Record<string, string>} cannot why operations are left out
 */

/** @type {Record<string, Peer>} */
export const PEERS = {
  'isomorphic-git': { name: 'isomorphic-git', keeps: true, cannot: { blobless: 'no filters' } },
  'wasm-git': {
    name: 'wasm-git',
    isolated: true,
    keeps: true,
    cannot: { depth1: 'no depth', blobless: 'no filters', mergeBase: 'no command', tree: 'no command', blobs: 'no command' },
  },
  'just-git': { name: 'just-git', keeps: false, cannot: { blobless: 'no filters', coldRead: 'keeps nothing' } },
};

/** @param {Run} run @param {Peer} peer @param {Operation[]} operations @param {FiguresOf} of @param {(text: string) => void} say */
export async function measurePeer(run, peer, operations, of, say) {
  const doable = operations.filter((operation) => {
    const reason = peer.cannot[operation.id];
    if (reason) of(peer.name, operation).failed = `– (${reason})`;
    return !reason;
  });
  /** @param {Operation} operation @param {() => Promise<import('./report.mjs').Sample>} act */
  const attempt = async (operation, act) => {
    const figures = of(peer.name, operation);
    try {
      run.serve(operation);
      const sample = await act();
      figures.samples.push(sample);
      say(`${peer.name}, ${operation.title}: ${sample.ms.toFixed(0)} ms`);
      return true;
    } catch (error) {
      figures.failed = shortly(error);
      say(`${peer.name}, ${operation.title}: ${error}`);
      return false;
    }
  };

  /** Clones with an eye on the memory; `then` gets what is left of it. @param {Operation} operation @param {(session: Session, page: Page) => Promise<void>} then */
  const cloneAnd = async (operation, then) => {
    const session = await run.start(peer);
    try {
      const page = await session.page();
      const done = await attempt(operation, async () => {
        /** @type {import('./report.mjs').Sample | undefined} */
        let sample;
        const memory = await session.weigh(page, async () => {
          await session.load(page);
          sample = await run.timeIn(session, page, operation);
        });
        (of(peer.name, operation).memory ??= []).push(memory);
        return /** @type {import('./report.mjs').Sample} */ (sample);
      });
      if (done) await then(session, page);
      return done;
    } finally {
      await session.end();
    }
  };

  const store = doable.filter(({ needs }) => needs === 'store');
  /** @type {string | undefined} */
  let kept;
  for (const operation of doable.filter(({ needs }) => needs === 'clone')) {
    if (operation.id !== 'clone') {
      await cloneAnd(operation, async () => {});
    } else if (peer.keeps) {
      await cloneAnd(operation, async (session) => void (kept = await session.copy()));
    } else {
      // What failed may have taken the page with it: the rest is done in another, after another clone.
      const left = [...store];
      do {
        const cloned = await cloneAnd(operation, async (session, page) => {
          let alive = true;
          while (alive && left.length) {
            const one = /** @type {Operation} */ (left.shift());
            alive = await attempt(one, () => run.timeIn(session, page, one));
          }
        });
        if (!cloned) break;
      } while (left.length);
    }
  }
  for (const operation of peer.keeps && kept ? store : []) {
    const session = await run.start(peer, kept);
    try {
      await attempt(operation, () => run.time(session, operation));
    } finally {
      await session.end();
    }
  }
  if (kept) rmSync(kept, { recursive: true, force: true });
  for (const operation of store) {
    const figures = of(peer.name, operation);
    if (figures.samples.length === 0) figures.failed ??= '– (no clone)';
  }
}

/** What a table has room for. @param {unknown} error */
function shortly(error) {
  const message = String(/** @type {any} */ (error)?.message ?? error).replace(/^page\.evaluate: (Error: )?/, '');
  if (/crashed|closed/.test(message)) return 'crashed';
  return message.split('\n')[0]?.slice(0, 60) ?? 'failed';
}
