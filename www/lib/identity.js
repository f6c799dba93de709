// Who commits: asked once, kept in this browser, and written nowhere but into commits.

import { h } from './dom.js';

const KEY = 'identity';

/** @typedef {{ name: string, email: string }} Identity */

/** The one that was used last, or the repository's `user.name` and `user.email`. @param {import('./git.js').Repository} repo @returns {Promise<Identity>} */
export async function knownIdentity(repo) {
  try {
    const { name, email } = JSON.parse(localStorage.getItem(KEY) ?? '{}');
    if (typeof name === 'string' && typeof email === 'string' && name) return { name, email };
  } catch {
    // What is stored is no identity; it is asked for.
  }
  return { name: (await repo.config.get('user.name')) ?? '', email: (await repo.config.get('user.email')) ?? '' };
}

/** @param {Identity} identity */
export function keepIdentity(identity) {
  localStorage.setItem(KEY, JSON.stringify(identity));
}

/** Two fields, and what they hold. @param {Identity} known */
export function identityFields(known) {
  const name = h('input', { id: 'author-name', required: true, autocomplete: 'name', value: known.name, pattern: '.*\\S.*', title: 'A name' });
  const email = h('input', { id: 'author-email', type: 'email', required: true, autocomplete: 'email', value: known.email });
  return {
    fields: { name, email },
    node: h('div', { class: 'pair' }, h('div', { class: 'field' }, h('label', { for: 'author-name' }, 'Your name'), name), h('div', { class: 'field' }, h('label', { for: 'author-email' }, 'Your e-mail address'), email)),
    /** @returns {Identity} */
    read: () => ({ name: name.value.trim(), email: email.value.trim() }),
  };
}
