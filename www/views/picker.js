// Chooses a branch, a tag, or any revision that can be typed.

import { foreign, h } from '../lib/dom.js';
import { problem } from '../lib/problem.js';

/** @typedef {{ name: string, short: string, group: string }} Choice */

/** @param {import('../lib/git.js').Repository} repo @param {AbortSignal} signal */
async function choices(repo, signal) {
  /** @type {Choice[]} */
  const found = [];
  for await (const ref of repo.refs({ signal })) {
    const [, group, short] = /^refs\/(heads|remotes|tags)\/(.+)$/s.exec(ref.name) ?? [];
    if (!group || !short || ref.symbolic) continue;
    found.push({ name: ref.name, short, group });
  }
  return found;
}

const GROUPS = new Map([
  ['heads', 'Branches'],
  ['remotes', 'Branches of the remote'],
  ['tags', 'Tags'],
]);

/**
 * @param {import('../lib/git.js').Repository} repo
 * @param {string} current
 * @param {(rev: string) => void} choose
 * @param {AbortSignal} signal
 */
export async function pickRevision(repo, current, choose, signal) {
  const filter = h('input', { type: 'search', 'aria-label': 'Filter, or type a revision', placeholder: 'Filter, or type a revision', autocomplete: 'off', spellcheck: 'false', oninput: draw, onkeydown: typed });
  const results = h('div', { class: 'results' }, h('p', { class: 'wait' }, 'Loading…'));
  const dialog = h('dialog', { class: 'sheet', id: 'revisions', 'aria-label': 'Branches and tags', onclose: () => dialog.remove(), onclick: (/** @type {Event} */ event) => event.target === dialog && dialog.close() }, filter, results);
  document.body.append(dialog);
  dialog.showModal();
  signal.addEventListener('abort', () => dialog.close(), { once: true });
  /** @type {Choice[]} */
  let all = [];
  /** @param {string} rev */
  function take(rev) {
    dialog.close();
    choose(rev);
  }
  /** @param {KeyboardEvent} event */
  function typed(event) {
    if (event.key !== 'Enter' || filter.value === '') return;
    const exact = all.find(({ short, name }) => short === filter.value || name === filter.value);
    take(exact?.name ?? filter.value.trim());
  }
  function draw() {
    const wanted = filter.value.toLowerCase();
    const shown = all.filter(({ short }) => short.toLowerCase().includes(wanted));
    results.replaceChildren(
      ...[...GROUPS].flatMap(([group, title]) => {
        const members = shown.filter((choice) => choice.group === group);
        if (!members.length) return [];
        const items = members.slice(0, 200).map(({ name, short }) => h('li', {}, h('button', { type: 'button', 'aria-current': name === current ? 'true' : undefined, 'data-ref': name, onclick: () => take(name) }, foreign(short))));
        const more = members.length > 200 ? [h('p', { class: 'detail' }, `${members.length - 200} more; type to narrow`)] : [];
        return [h('h3', {}, title), h('ul', {}, items), ...more];
      }),
    );
    if (wanted && !shown.length) results.append(h('p', { class: 'detail' }, 'No branch or tag matches. Press Enter to look it up as a revision.'));
  }
  try {
    all = await choices(repo, signal);
    draw();
  } catch (error) {
    if (!signal.aborted) results.replaceChildren(problem(error));
  }
}
