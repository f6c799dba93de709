// What a long call shows while it runs: its phase, counts, the server's words, a way to stop it.

import { announce, append, foreign, h } from './dom.js';
import { formatBytes } from './text.js';

/** @typedef {import('../../pkg/index.js').Progress} Progress */

const PHASES = new Map([
  ['counting', 'The server counts objects'],
  ['compressing', 'The server compresses objects'],
  ['receiving', 'Receiving objects'],
  ['resolving', 'Resolving deltas'],
  ['checking', 'Checking connectivity'],
  ['writing', 'Writing'],
  ['sending', 'Sending'],
]);

/** The server's lines and warnings that are kept in sight. */
const LINES = 200;

/** @param {Progress} progress */
export function describe(progress) {
  const phase = PHASES.get(progress.phase) ?? progress.phase;
  const total = progress.total === undefined ? '' : ` of ${progress.total.toLocaleString('en')}`;
  if (progress.phase === 'sending') return `Sending ${formatBytes(progress.total)}`;
  const bytes = progress.bytes === undefined ? '' : `, ${formatBytes(progress.bytes)}`;
  return `${phase}: ${progress.loaded.toLocaleString('en')}${total}${bytes}`;
}

/**
 * The parts of a panel, and the listeners that keep them up to date.
 * @param {string} label what the bar measures, for screen readers
 * @param {string} first what is said until there is progress
 */
export function progressParts(label, first) {
  const status = h('p', { class: 'status', id: 'status' }, first);
  const bar = h('progress', { 'aria-label': label });
  const messages = h('pre', { class: 'messages', hidden: true, tabindex: 0, role: 'region', 'aria-label': 'Messages of the server' });
  const warnings = h('ul', { class: 'warnings' });
  let spoken = '';
  return {
    nodes: [bar, status, messages, warnings],
    messages,
    warnings,
    /** @param {Progress} progress */
    onProgress(progress) {
      status.textContent = describe(progress);
      // What was sent cannot be seen; a bar would only tell its beginning and its end.
      if (progress.total && progress.phase !== 'sending') {
        bar.max = progress.total;
        bar.value = progress.loaded;
      } else bar.removeAttribute('value');
      if (progress.phase !== spoken) announce(PHASES.get((spoken = progress.phase)) ?? spoken);
    },
    /** @param {string} text */
    onMessage(text) {
      messages.hidden = false;
      messages.append(h('span', {}, foreign(text), '\n'));
      if (messages.childElementCount > LINES) messages.firstElementChild?.remove();
      messages.scrollTop = messages.scrollHeight;
    },
    /** @param {string} text */
    onWarning(text) {
      if (warnings.childElementCount < LINES) append(warnings, [h('li', { class: 'warn' }, foreign(text))]);
    },
  };
}
