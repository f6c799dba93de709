// gitside beside git, in passes: times in interleaved pairs first, and apart from them what would
// disturb the clock.

import { rmSync } from 'node:fs';
import { middle } from './report.mjs';

/** @typedef {import('./operations.mjs').Operation} Operation */
/** @typedef {import('./report.mjs').Figures} Figures */
/** @typedef {import('./run.mjs').Run} Run */
/** @typedef {import('./session.mjs').Session} Session */
/** @typedef {import('./session.mjs').Client} Client */
/** @typedef {(side: string, operation: Operation) => Figures} FiguresOf */

const GITSIDE = { name: 'gitside' };

/**
 * @param {Run} run @param {Operation[]} operations @param {FiguresOf} of
 * @param {{ pairs: number, passes: Set<string>, say: (text: string) => void }} options
 * @returns what a cold read takes, if that was to be measured
 */
export async function measure(run, operations, of, { pairs, passes, say }) {
  // Both once without the clock; after that the repository is in the system's cache for both.
  run.subject.gitClone(run.url);
  const kept = await run.template(GITSIDE);

  /**
   * Each way to clone in a browser of its own, all that needs a clone in one with a copy of it.
   * @param {Client} client @param {(session: Session, operation: Operation) => Promise<void>} act
   */
  const everywhere = async (client, act) => {
    const clones = operations.filter(({ needs }) => needs === 'clone').map((operation) => ({ from: undefined, group: [operation] }));
    for (const { from, group } of [...clones, { from: kept, group: operations.filter(({ needs }) => needs === 'store') }]) {
      if (group.length === 0) continue;
      const session = await run.start(client, from);
      try {
        for (const operation of group) {
          run.serve(operation);
          await act(session, operation);
        }
      } finally {
        await session.end();
      }
    }
  };

  try {
    for (let pair = 1; passes.has('time') && pair <= pairs; pair += 1) {
      await everywhere(GITSIDE, async (session, operation) => {
        const byGit = () => void of('git', operation).samples.push({ ms: operation.native(run.subject, run.url) });
        const gitFirst = pair % 2 === 0;
        if (gitFirst) byGit();
        run.serve(operation);
        const sample = await run.time(session, operation);
        of('gitside', operation).samples.push(sample);
        if (!gitFirst) byGit();
        const again = sample.again === undefined ? '' : `, again ${sample.again.toFixed(1)} ms`;
        say(`pair ${pair}, ${operation.title}: git ${of('git', operation).samples.at(-1)?.ms.toFixed(1)} ms, gitside ${sample.ms.toFixed(1)} ms${again}`);
      });
    }
    const reads = passes.has('time') && operations.some(({ id }) => id === 'coldRead') ? await run.reads(kept) : undefined;
    if (passes.has('memory')) {
      await everywhere(GITSIDE, async (session, operation) => {
        const memory = await run.memory(session, operation);
        (of('gitside', operation).memory ??= []).push(memory);
        say(`memory, ${operation.title}: ${(memory / 1048576).toFixed(0)} MiB`);
      });
    }
    for (const [key, worker] of /** @type {const} */ ([['tasks', true], ['tasksHere', false]])) {
      if (!passes.has('tasks')) break;
      await everywhere({ ...GITSIDE, options: { worker } }, async (session, operation) => {
        const tasks = await run.tasks(session, operation);
        of('gitside', operation)[key] = tasks;
        say(`longest tasks ${worker ? 'beside' : 'without'} a Worker, ${operation.title}: ${tasks.map((ms) => ms.toFixed(1)).join(', ')} ms`);
      });
    }
    if (passes.has('aborts')) {
      await everywhere(GITSIDE, async (session, operation) => {
        const ms = middle(of('gitside', operation), 'ms');
        if (ms === undefined) return;
        const answers = await run.aborts(session, operation, ms);
        of('gitside', operation).aborts = answers;
        say(`aborts, ${operation.title}: ${answers.map((ms) => ms.toFixed(0)).join(', ')} ms`);
      });
    }
    return reads;
  } finally {
    rmSync(kept, { recursive: true, force: true });
  }
}
