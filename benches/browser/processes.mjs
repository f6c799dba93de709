// The memory and CPU time of a process and all its descendants, as the kernel accounts it. Linux only.

import { readdirSync, readFileSync } from 'node:fs';

/** @param {string} file */
function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return ''; // The process ended.
  }
}

/** The process and everything it started. @param {number} root */
export function family(root) {
  /** @type {Map<number, number[]>} */
  const children = new Map();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    // The program's name is in parentheses and may hold anything.
    const fields = read(`/proc/${name}/stat`).replace(/^.*\) /s, '').split(' ');
    const parent = Number(fields[1]);
    if (parent) children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const found = [root];
  for (const process of found) found.push(...(children.get(process) ?? []));
  return found;
}

/** The process that started all others of a browser. @param {import('../../tests/e2e/support/browser.mjs').Browser} browser @param {import('playwright-core').Page} page */
export async function browserProcess(browser, page) {
  const session = await (browser.context.browser()?.newBrowserCDPSession() ?? browser.cdp(page));
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  await session.detach();
  return processInfo.find((/** @type {{ type: string }} */ { type }) => type === 'browser')?.id ?? 0;
}

/** Proportional set size over all of them, in bytes. @param {number} root */
export function memoryOf(root) {
  let sum = 0;
  for (const process of family(root)) {
    const match = /^Pss:\s+(\d+) kB/m.exec(read(`/proc/${process}/smaps_rollup`));
    sum += match ? Number(match[1]) * 1024 : 0;
  }
  return sum;
}

/** CPU time of all of them, those that ended left out; in hundredths of a second. @param {number} root */
export function cpuOf(root) {
  let sum = 0;
  for (const process of family(root)) {
    const fields = read(`/proc/${process}/stat`).replace(/^.*\) /s, '').split(' ');
    sum += Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
  }
  return sum;
}

/** Waits until they have done next to nothing for two seconds, for a minute at most. @param {number} root */
export async function calm(root) {
  let still = 0;
  for (let look = 0; look < 120 && still < 4; look += 1) {
    const before = cpuOf(root);
    await new Promise((resolve) => setTimeout(resolve, 500));
    still = cpuOf(root) - before <= 5 ? still + 1 : 0;
  }
}

/** Watches every `ms` milliseconds until `stop()`, which answers the most that was seen. @param {number} root @param {number} ms */
export function watch(root, ms) {
  let [most, samples] = [0, 0];
  const look = () => {
    most = Math.max(most, memoryOf(root));
    samples += 1;
  };
  const timer = setInterval(look, ms);
  return {
    stop() {
      clearInterval(timer);
      look();
      return { most, samples };
    },
  };
}
