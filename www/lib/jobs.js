// Long calls on a repository: each has a panel above the page, which stays while the reader looks at
// other pages, and then holds the result until it is put away.

import { announce, h } from './dom.js';
import { askCredentials } from './credentials.js';
import { proxyOption } from './git.js';
import { problem } from './problem.js';
import { progressParts } from './progress.js';
import { recorded } from './trace.js';

/** @typedef {import('./dom.js').Child} Child */
/** @typedef {import('../../pkg/index.js').RemoteOptions} RemoteOptions */

/**
 * How a call ended: what is said of it in one sentence and shown below, and whether pages that show
 * the repository are out of date.
 * @typedef {{ said: string, nodes: Child[], changed: boolean }} Ending
 */

/**
 * @typedef {object} Work
 * @property {string} name of the repository
 * @property {string} title "Fetching"
 * @property {Child[]} [about] what follows the title
 * @property {(options: RemoteOptions) => Promise<Ending>} run
 * @property {string} [kept] what is true after it was cancelled
 */

/** The panels of calls under way, by the repository's name: at most one each. @type {Map<string, HTMLElement>} */
const running = new Map();

/** The event that tells that a repository has changed; `detail` is its name. */
export const CHANGED = 'repository-changed';

/** The repository that is looked at. */
let current = '';

const place = () => /** @type {HTMLElement} */ (document.getElementById('work'));

/** The panel of what is under way for a repository. @param {string} name */
export function runningFor(name) {
  return running.get(name);
}

/** Shows what is under way, and the results that belong to the page. @param {string} name of the repository that is looked at */
export function showWork(name) {
  current = name;
  for (const panel of /** @type {NodeListOf<HTMLElement>} */ (place().querySelectorAll('.job'))) {
    panel.hidden = panel.dataset.name !== name && !running.has(panel.dataset.name ?? '');
  }
}

/** Puts away the result that is shown for a repository. @param {string} name */
export function clearWork(name) {
  for (const panel of /** @type {NodeListOf<HTMLElement>} */ (place().querySelectorAll('.job'))) if (panel.dataset.name === name) panel.remove();
}

/** The button that puts a panel away. @param {HTMLElement} panel */
const closing = (panel) => h('button', { type: 'button', class: 'close quiet', 'aria-label': 'Put this away', onclick: () => panel.remove() }, '✕');

/** Says something of a repository that no page is there for any more. @param {string} name @param {string} heading @param {Child[]} nodes */
export function tell(name, heading, nodes) {
  untell(name);
  const panel = h('section', { class: 'panel job failed told', 'data-name': name, 'data-state': 'failed', 'aria-label': heading });
  panel.append(h('div', { class: 'headline' }, h('h2', { tabindex: -1 }, heading), closing(panel)), ...h('div', {}, nodes).childNodes);
  place().append(panel);
  showWork(current);
  announce(heading);
}

/** Takes back what {@link tell} said of a repository. @param {string} name */
export function untell(name) {
  for (const panel of /** @type {NodeListOf<HTMLElement>} */ (place().querySelectorAll('.told'))) if (panel.dataset.name === name) panel.remove();
}

/** Runs a call, with its panel. @param {Work} work */
export async function start(work) {
  const { name, title, about = [], run, kept = 'The repository is as it was.' } = work;
  if (running.has(name)) return;
  clearWork(name);
  const controller = new AbortController();
  const parts = progressParts(`${title}: progress`, 'Starting…');
  const stop = h('button', { type: 'button', class: 'stop', onclick: cancel }, 'Cancel');
  const panel = h('section', { class: 'panel job running', 'data-name': name, 'aria-label': title }, h('h2', { tabindex: -1 }, title, ' ', about), ...parts.nodes, h('p', { class: 'actions' }, stop));
  function cancel() {
    // Not disabled: that would take the focus away.
    stop.textContent = 'Cancelling…';
    controller.abort();
  }
  running.set(name, panel);
  place().append(panel);
  showWork(current);
  announce(title);
  /** @param {string} state @param {string} heading @param {Child[]} nodes */
  function end(state, heading, nodes) {
    running.delete(name);
    const focused = panel.contains(document.activeElement);
    panel.className = `panel job ${state}`;
    panel.dataset.state = state;
    const said = parts.messages.hidden ? [] : [h('details', {}, h('summary', {}, 'What the server said'), parts.messages)];
    panel.replaceChildren(h('div', { class: 'headline' }, h('h2', { tabindex: -1 }, heading), closing(panel)));
    panel.append(...h('div', {}, nodes).childNodes, parts.warnings, ...said);
    showWork(current);
    if (focused) panel.querySelector('h2')?.focus({ preventScroll: true });
  }
  try {
    const ending = await recorded((trace) =>
      run({
        signal: controller.signal,
        ...proxyOption(name),
        credentials: (challenge) => askCredentials(challenge, controller.signal),
        onProgress: parts.onProgress,
        onMessage: parts.onMessage,
        onWarning: parts.onWarning,
        ...trace,
      }),
    );
    end('done', ending.said, ending.nodes);
    announce(ending.said);
    if (ending.changed) document.dispatchEvent(new CustomEvent(CHANGED, { detail: name }));
  } catch (error) {
    if (controller.signal.aborted) {
      end('cancelled', 'Cancelled', [h('p', {}, kept)]);
      announce(`Cancelled. ${kept}`);
    } else end('failed', `${title} failed`, [problem(error, { retry: () => start(work) })]);
  }
}
