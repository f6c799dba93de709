// How long the main thread of a page was busy at a time: the tasks of a DevTools trace, by the CPU
// time that they took, which a busy machine does not lengthen.

/** @typedef {{ name: string, ph: string, pid: number, tid: number, ts: number, dur?: number, tdur?: number, args?: any }} TraceEvent */

const CATEGORIES = ['disabled-by-default-devtools.timeline', '__metadata'];

/**
 * Does the work while the browser is traced. Answers the longest tasks of the page's main thread in
 * milliseconds of CPU time, the longest first.
 * @param {import('../../tests/e2e/support/browser.mjs').Browser} browser
 * @param {import('playwright-core').Page} page
 * @param {() => Promise<unknown>} work
 */
export async function traced(browser, page, work) {
  const session = await browser.cdp(page);
  /** @type {TraceEvent[]} */
  const events = [];
  session.on('Tracing.dataCollected', ({ value }) => events.push(.../** @type {any} */ (value).filter(isOfUse)));
  await session.send('Tracing.start', { transferMode: 'ReportEvents', traceConfig: { recordMode: 'recordAsMuchAsPossible', includedCategories: CATEGORIES } });
  try {
    await work();
  } finally {
    const complete = new Promise((resolve) => session.once('Tracing.tracingComplete', resolve));
    await session.send('Tracing.end');
    await complete;
    await session.detach();
  }
  return longestTasks(events, page.url());
}

/** @param {TraceEvent} event */
function isOfUse({ name }) {
  return name === 'RunTask' || name === 'thread_name' || name === 'TracingStartedInBrowser' || name === 'FrameCommittedInBrowser';
}

/**
 * The longest tasks of the main thread of the process that shows the page.
 * @param {TraceEvent[]} events @param {string} url @param {number} [count]
 */
export function longestTasks(events, url, count = 3) {
  const frames = events.flatMap(({ args }) => [...(args?.data?.frames ?? []), ...(args?.data?.processId ? [args.data] : [])]);
  const process = frames.find((/** @type {{ url?: string, processId?: number }} */ frame) => frame.url === url)?.processId;
  if (process === undefined) throw new Error(`the trace names no process for ${url}`);
  const main = events.find(({ name, pid, args }) => name === 'thread_name' && pid === process && args?.name === 'CrRendererMain');
  if (!main) throw new Error('the trace names no main thread');
  const tasks = events.filter(({ name, pid, tid, tdur }) => name === 'RunTask' && pid === process && tid === main.tid && tdur !== undefined);
  return tasks.map(({ tdur = 0 }) => tdur / 1000).sort((a, b) => b - a).slice(0, count);
}
