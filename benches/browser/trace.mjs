// How long the main thread of a page was busy at a time: the tasks of a DevTools trace, by the CPU
// time that they took, which a busy machine does not lengthen.

/** @typedef {{ name: string, ph: string, pid: number, tid: number, ts: number, dur?: number, tdur?: number, args?: any }} TraceEvent */

const CATEGORIES = ['disabled-by-default-devtools.timeline', 'blink', '__metadata'];

/**
 * Chromium's end of a response. Playwright has DevTools watch the network, for which the whole body is
 * kept, and put together in this moment: 35 ms for 15 MB, and nothing where nobody watches.
 */
const BODY_ENDS = 'ResponseBodyLoader::DidFinishLoadingBody';

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
  return name === 'RunTask' || name === BODY_ENDS || name === 'thread_name' || name === 'TracingStartedInBrowser' || name === 'FrameCommittedInBrowser';
}

/**
 * The longest tasks of the main thread of the process that shows the page, without what only happens
 * because they are watched.
 * @param {TraceEvent[]} events @param {string} url @param {number} [count]
 */
export function longestTasks(events, url, count = 3) {
  const frames = events.flatMap(({ args }) => [...(args?.data?.frames ?? []), ...(args?.data?.processId ? [args.data] : [])]);
  const process = frames.find((/** @type {{ url?: string, processId?: number }} */ frame) => frame.url === url)?.processId;
  if (process === undefined) throw new Error(`the trace names no process for ${url}`);
  const main = events.find(({ name, pid, args }) => name === 'thread_name' && pid === process && args?.name === 'CrRendererMain');
  if (!main) throw new Error('the trace names no main thread');
  const named = (/** @type {string} */ wanted) => events.filter(({ name, pid, tid, tdur }) => name === wanted && pid === process && tid === main.tid && tdur !== undefined);
  const ends = named(BODY_ENDS);
  const watching = (/** @type {TraceEvent} */ { ts, dur = 0 }) => ends.filter((end) => end.ts >= ts && end.ts < ts + dur).reduce((sum, { tdur = 0 }) => sum + tdur, 0);
  return named('RunTask').map((task) => ((task.tdur ?? 0) - watching(task)) / 1000).sort((a, b) => b - a).slice(0, count);
}
