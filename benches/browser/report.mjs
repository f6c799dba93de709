// The tables.

import { duration, mebibytes, median, ratio, table } from './figures.mjs';
import { OPERATIONS } from './operations.mjs';

/** @typedef {{ ms: number, again?: number, requests?: number, down?: number, stored?: number }} Sample */
/**
 * @typedef {object} Figures of one side and operation
 * @property {Sample[]} samples
 * @property {number[]} [memory] bytes
 * @property {number[]} [tasks] the longest of the main thread, with a Worker; milliseconds
 * @property {number[]} [tasksHere] without a Worker
 * @property {number[]} [aborts] how long an abort took, at several moments
 * @property {string} [failed] why there is nothing
 */
/** @typedef {{ name: string, shape: string, reads?: { rows: number, requests: number, warm: number }, sides: Record<string, Record<string, Figures>> }} Result */

/** @param {Figures | undefined} figures @param {'ms' | 'again' | 'requests' | 'down' | 'stored'} key */
export function middle(figures, key) {
  const numbers = (figures?.samples ?? []).flatMap((sample) => sample[key] ?? []);
  return numbers.length ? median(numbers) : undefined;
}

const most = (/** @type {number[] | undefined} */ numbers) => (numbers?.length ? Math.max(...numbers) : undefined);

/** gitside beside git. @param {Result} result */
export function beside({ name, shape, reads, sides }) {
  const { git = {}, gitside = {} } = sides;
  const measured = OPERATIONS.filter(({ id }) => gitside[id] || git[id]);
  const times = measured.map(({ id, title }) => {
    const [theirs, ours] = [git[id], gitside[id]];
    if (ours?.failed) return [title, duration(middle(theirs, 'ms')), ours.failed, ...Array(9).fill('–')];
    return [
      title,
      duration(middle(theirs, 'ms')),
      duration(middle(ours, 'ms')),
      ratio(middle(ours, 'ms'), middle(theirs, 'ms')),
      duration(middle(ours, 'again')),
      ratio(middle(ours, 'again'), middle(theirs, 'ms')),
      String(middle(ours, 'requests') || '–'),
      mebibytes(middle(ours, 'down') || undefined),
      mebibytes(most(ours?.memory)),
      most(ours?.tasks)?.toFixed(1) ?? '–',
      most(ours?.tasksHere)?.toFixed(1) ?? '–',
      most(ours?.aborts)?.toFixed(0) ?? '–',
    ];
  });
  const heading = ['operation', 'git', 'gitside', 'ratio', 'again', 'ratio', 'requests', 'received MiB', 'peak MiB', 'task ms', 'task ms, no Worker', 'abort ms'];
  const stored = gitside.clone?.samples.length ? `Stored: ${mebibytes(middle(gitside.clone, 'stored'))} MiB.` : '';
  const rows = reads ? ` Cold read: ${reads.rows} rows in ${reads.requests} requests to IndexedDB; the same file again: ${reads.warm.toFixed(1)} ms.` : '';
  return `### ${name}\n\n${shape ? `${shape}.\n\n` : ''}${table([heading, ...times])}\n\n${stored}${rows}`.trimEnd();
}

/** All clients beside each other. @param {Result} result */
export function among({ name, sides }) {
  const names = Object.keys(sides);
  const cell = (/** @type {Figures | undefined} */ figures) => (!figures ? '–' : (figures.failed ?? duration(middle(figures, 'ms'))));
  const rows = OPERATIONS.filter(({ id }) => names.some((side) => sides[side]?.[id])).map(({ id, title }) => [title, ...names.map((side) => cell(sides[side]?.[id]))]);
  const memory = OPERATIONS.filter(({ id, needs }) => needs === 'clone' && names.some((side) => sides[side]?.[id]?.memory)).map(({ id, title }) => [`${title}: peak MiB`, ...names.map((side) => mebibytes(most(sides[side]?.[id]?.memory)))]);
  const stored = ['stored MiB', ...names.map((side) => mebibytes(middle(sides[side]?.clone, 'stored') || undefined))];
  return `### ${name}\n\n${table([['operation', ...names], ...rows, ...memory, stored])}`;
}
