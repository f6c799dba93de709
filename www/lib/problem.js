// Shows an error: what happened and what to try (both are in its message), what the server said, and
// all of it as text to copy.

import { foreign, h } from './dom.js';
import { GitError } from './git.js';
import { recordingOf } from './trace.js';

const TITLES = new Map([
  ['NotFound', 'Not here'],
  ['RemoteNotFound', 'The server knows no such repository'],
  ['RefNotFound', 'No such revision'],
  ['AuthRequired', 'The server asks for a login'],
  ['AuthRejected', 'The login was refused'],
  ['Forbidden', 'Not permitted'],
  ['NetworkOpaque', 'The browser got no answer'],
  ['MixedContent', 'A secure page cannot contact a plain http server'],
  ['Quota', 'No room left in the browser’s storage'],
  ['Busy', 'Another tab is at work on this repository'],
  ['AlreadyExists', 'The name is taken'],
  ['PromisedMissing', 'This is still on the server'],
]);

/** @param {unknown} error @param {{ retry?: () => void }} [actions] */
export function problem(error, { retry } = {}) {
  const git = error instanceof GitError ? error : undefined;
  const message = error instanceof Error ? error.message : String(error);
  return h(
    'section',
    { class: 'problem', role: 'alert' },
    h('h2', { tabindex: -1 }, (git && TITLES.get(git.code)) ?? 'That did not work'),
    h('p', {}, foreign(message)),
    git?.remoteText && h('pre', {}, foreign(git.remoteText)),
    git && h('p', { class: 'detail' }, foreign(where(git))),
    h('p', { class: 'actions' }, retry && h('button', { type: 'button', class: 'retry', onclick: retry }, 'Try again'), copyButton(error)),
  );
}

/** @param {GitError} error */
function where({ code, phase, status, url }) {
  return [code, phase && `while in “${phase}”`, status && `HTTP ${status}`, url].filter(Boolean).join(' · ');
}

/** @param {unknown} error */
function copyButton(error) {
  const recording = recordingOf(error);
  const button = h('button', { type: 'button', class: 'copy', onclick: copy }, recording ? 'Copy details and requests' : 'Copy details');
  async function copy() {
    try {
      await navigator.clipboard.writeText(details(error));
      button.textContent = 'Copied';
    } catch {
      // Not every page may write to the clipboard; selected text can be copied by hand.
      const text = h('textarea', { class: 'details', readonly: true, rows: 12, 'aria-label': 'Details' });
      text.value = details(error);
      button.closest('.problem')?.append(text);
      text.select();
      button.remove();
    }
  }
  return button;
}

/** Everything there is to know of an error, for a report. @param {unknown} error */
export function details(error) {
  const git = error instanceof GitError ? error : undefined;
  const recording = recordingOf(error)?.text();
  return [
    error instanceof Error ? `${error.name}: ${error.message}` : String(error),
    git && where(git),
    git?.remoteText && `The server said:\n${git.remoteText}`,
    git && Object.keys(git.data).length > 0 && `Data: ${JSON.stringify(git.data)}`,
    !git && error instanceof Error && error.stack,
    `Browser: ${navigator.userAgent}`,
    recording && `Requests (without anything secret):\n${recording}`,
  ]
    .filter(Boolean)
    .join('\n');
}
