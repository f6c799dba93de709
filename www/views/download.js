// Reads that may have to download first, because a partial clone left the object with its server:
// says so, can be cancelled and tried again, and what cannot be had is told in the object's place.

import { announce, h } from '../lib/dom.js';
import { GitError } from '../lib/git.js';
import { problem } from '../lib/problem.js';
import { describe } from '../lib/progress.js';
import { recorded } from '../lib/trace.js';

/** @typedef {import('../../pkg/index.js').RemoteOptions} RemoteOptions */

/** Milliseconds after which a read is worth a word. */
const PATIENCE = 400;

/**
 * Resolves with what was read, or with undefined if the page was left meanwhile. If the server does
 * not give it or the reader cancels, `place` says so, and the read begins again when it is told to.
 * Other errors are the caller's.
 * @template T
 * @param {HTMLElement} place
 * @param {AbortSignal} left the page was left
 * @param {(options: RemoteOptions) => Promise<T>} read
 * @param {() => void} [attach] puts the place into the page, when it has something to say
 * @returns {Promise<T | undefined>}
 */
export async function downloading(place, left, read, attach = () => {}) {
  for (;;) {
    const outcome = await attempt(place, left, read, attach);
    if (left.aborted) return undefined;
    if ('value' in outcome) return outcome.value;
    const { promise, resolve } = Promise.withResolvers();
    const again = () => resolve(undefined);
    const cancelled = h('div', { class: 'empty downloading' }, h('p', { class: 'status' }, 'Cancelled.'), h('button', { type: 'button', class: 'retry', onclick: again }, 'Try again'));
    const said = 'error' in outcome ? problem(outcome.error, { retry: again }) : cancelled;
    const focused = outcome.focused;
    place.replaceChildren(said);
    attach();
    if (focused) /** @type {HTMLElement | null} */ (said.querySelector('.retry'))?.focus();
    left.addEventListener('abort', again, { once: true });
    await promise;
    if (left.aborted) return undefined;
    said.remove();
  }
}

/**
 * @template T
 * @param {HTMLElement} place
 * @param {AbortSignal} left
 * @param {(options: RemoteOptions) => Promise<T>} read
 * @param {() => void} attach
 * @returns {Promise<{ value: T } | { error: unknown, focused: boolean } | { cancelled: true, focused: boolean }>}
 */
async function attempt(place, left, read, attach) {
  const stop = new AbortController();
  const signal = AbortSignal.any([left, stop.signal]);
  // The button stands below what changes all the time, so that it does not move under the pointer.
  const status = h('p', { class: 'status' }, 'Loading…');
  const button = h('button', { type: 'button', class: 'stop', onclick: () => stop.abort() }, 'Cancel');
  const note = h('div', { class: 'empty downloading' }, status, button);
  function show() {
    if (note.isConnected || signal.aborted) return;
    place.replaceChildren(note);
    attach();
  }
  let told = false;
  /** @param {import('../../pkg/index.js').Progress} progress */
  function onProgress(progress) {
    show();
    status.textContent = `Downloading from the server. ${describe(progress)}`;
    if (!told) announce('Downloading from the server');
    told = true;
  }
  const timer = setTimeout(show, PATIENCE);
  try {
    return { value: await recorded((trace) => read({ signal, onProgress, ...trace })) };
  } catch (error) {
    const focused = note.contains(document.activeElement);
    if (stop.signal.aborted && !left.aborted) return { cancelled: true, focused };
    if (error instanceof GitError && error.code === 'PromisedMissing') return { error, focused };
    throw error;
  } finally {
    clearTimeout(timer);
    note.remove();
  }
}
