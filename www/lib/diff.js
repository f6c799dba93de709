// Draws the difference of two files, as `Repository.diffBlobs` tells it.

import { foreign, h } from './dom.js';
import { count } from './text.js';

/** @typedef {import('../../pkg/index.js').FileDiff} FileDiff */

/** How many lines are shown at a time. */
const PAGE = 1000;

const SAID = new Map([
  ['+', 'added'],
  ['-', 'removed'],
  [' ', ''],
]);

/** How many lines were added and removed. @param {FileDiff} diff */
export function tally(diff) {
  let [added, removed] = [0, 0];
  for (const hunk of diff.hunks) {
    for (const { kind } of hunk.lines) {
      if (kind === '+') added += 1;
      else if (kind === '-') removed += 1;
    }
  }
  return { added, removed };
}

/** "+3 −1", for eyes and for ears. @param {{ added: number, removed: number }} lines */
export function tallyNode({ added, removed }) {
  return h('span', { class: 'tally', 'aria-label': `${count(added, 'line')} added, ${count(removed, 'line')} removed` }, h('span', { class: 'plus' }, `+${added}`), ' ', h('span', { class: 'minus' }, `−${removed}`));
}

/** @param {FileDiff} diff @param {string} label */
export function diffTable(diff, label) {
  if (diff.binary) return h('p', { class: 'empty' }, 'A binary file; its difference cannot be shown.');
  if (diff.hunks.length === 0) return h('p', { class: 'empty' }, 'The content is the same.');
  const body = h('tbody', {});
  const table = h('table', { class: 'diff', 'aria-label': label }, h('thead', { class: 'unseen' }, h('tr', {}, ['Line before', 'Line after', 'Text'].map((title) => h('th', { scope: 'col' }, title)))), body);
  const rows = lines(diff);
  const more = h('button', { type: 'button', onclick: next });
  const end = h('p', { class: 'actions more' }, more);
  function next() {
    for (let shown = 0; shown < PAGE; shown += 1) {
      const { value, done } = rows.next();
      if (done) return end.remove();
      body.append(value);
    }
    more.textContent = 'Show more of the difference';
  }
  const region = h('div', { class: 'differences', role: 'region', 'aria-label': label, tabindex: 0 }, table, end);
  next();
  return region;
}

/** @param {FileDiff} diff @returns {Generator<HTMLElement, void>} */
function* lines(diff) {
  for (const hunk of diff.hunks) {
    let [before, after] = [hunk.oldStart, hunk.newStart];
    yield h('tr', { class: 'hunk' }, h('td', { colspan: 3 }, `@@ -${hunk.oldStart},${hunk.oldLines} +${hunk.newStart},${hunk.newLines} @@`));
    for (const { kind, text, noNewline } of hunk.lines) {
      const [old, now] = [kind === '+' ? '' : before++, kind === '-' ? '' : after++];
      const said = SAID.get(kind);
      yield h(
        'tr',
        { class: kind === '+' ? 'added' : kind === '-' ? 'removed' : '' },
        h('td', { class: 'count', 'data-line': old }),
        h('td', { class: 'count', 'data-line': now }),
        h('td', { class: 'text', 'data-sign': kind }, said && h('span', { class: 'unseen' }, `${said}: `), foreign(text)),
      );
      if (noNewline) yield h('tr', { class: 'note' }, h('td', { colspan: 2 }), h('td', {}, 'No newline at the end of the file'));
    }
  }
}
