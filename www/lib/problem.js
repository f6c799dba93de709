// Shows an error: what happened and what to try (both are in its message), what the server said.

import { foreign, h } from './dom.js';
import { GitError } from './git.js';

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
]);

/** @param {unknown} error @param {{ retry?: () => void }} [actions] */
export function problem(error, { retry } = {}) {
  const git = error instanceof GitError ? error : undefined;
  const message = error instanceof Error ? error.message : String(error);
  return h(
    'section',
    { class: 'problem', role: 'alert' },
    h('h2', {}, (git && TITLES.get(git.code)) ?? 'That did not work'),
    h('p', {}, foreign(message)),
    git?.remoteText && h('pre', {}, foreign(git.remoteText)),
    git &&
      h(
        'p',
        { class: 'detail' },
        [git.code, git.phase && `while in “${git.phase}”`, git.status && `HTTP ${git.status}`, git.url].filter(Boolean).join(' · '),
      ),
    retry && h('p', {}, h('button', { type: 'button', onclick: retry }, 'Try again')),
  );
}
