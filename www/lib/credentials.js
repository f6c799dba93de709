// Asks for a login when the server wants one.

import { foreign, h } from './dom.js';

/** @typedef {{ url: string, realm?: string, username?: string, attempt: number }} Challenge */

/** The question that is being asked: calls that want a login at the same time ask one by one. */
let asking = Promise.resolve();

/**
 * @param {Challenge} challenge
 * @param {AbortSignal} [signal] takes the question back
 * @returns {Promise<{ username: string, password: string } | undefined>}
 */
export function askCredentials(challenge, signal) {
  const answer = asking.then(() => (signal?.aborted ? undefined : ask(challenge, signal)));
  asking = answer.then(() => {});
  return answer;
}

/**
 * @param {Challenge} challenge
 * @param {AbortSignal} [signal]
 * @returns {Promise<{ username: string, password: string } | undefined>}
 */
function ask(challenge, signal) {
  return new Promise((resolve) => {
    const username = h('input', { id: 'ask-username', autocomplete: 'username', autocapitalize: 'off', spellcheck: 'false', value: challenge.username });
    const password = h('input', { id: 'ask-password', type: 'password', autocomplete: 'current-password' });
    const dialog = h(
      'dialog',
      { id: 'credentials', onclose: finish },
      h(
        'form',
        { method: 'dialog', onsubmit: () => (dialog.returnValue = 'send') },
        h('h2', {}, 'The server asks for a login'),
        h('p', {}, foreign(new URL(challenge.url).origin), challenge.realm ? [' says: ', foreign(challenge.realm)] : null),
        challenge.attempt > 1 && h('p', { class: 'warn' }, 'The last login was refused.'),
        h('div', { class: 'field' }, h('label', { for: 'ask-username' }, 'User name'), username),
        h('div', { class: 'field' }, h('label', { for: 'ask-password' }, 'Password or token'), password),
        h('p', { class: 'actions' }, h('button', { type: 'button', onclick: () => dialog.close('') }, 'Cancel'), h('button', { class: 'primary', value: 'send' }, 'Log in')),
      ),
    );
    function finish() {
      resolve(dialog.returnValue === 'send' ? { username: username.value, password: password.value } : undefined);
      dialog.remove();
    }
    signal?.addEventListener('abort', () => dialog.close(''), { once: true });
    document.body.append(dialog);
    dialog.showModal();
    (challenge.username ? password : username).focus();
  });
}
