// Medians and tables, as every benchmark shows them.

/** @param {number[]} numbers */
export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? (sorted[middle] ?? NaN) : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2;
}

/** A table in Markdown; the first row is the heading, the first column is text. @param {string[][]} rows */
export function table(rows) {
  const widths = rows[0]?.map((_, column) => Math.max(3, ...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const line = (/** @type {string[]} */ row) =>
    `| ${row.map((cell, column) => (column ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0))).join(' | ')} |`;
  const rule = `|${widths.map((width, column) => (column ? `${'-'.repeat(width + 1)}:` : '-'.repeat(width + 2))).join('|')}|`;
  const [heading = [], ...rest] = rows;
  return [line(heading), rule, ...rest.map(line)].join('\n');
}

/** Milliseconds, or seconds from ten of them on, with as many digits as mean something. @param {number | undefined} ms */
export function duration(ms) {
  if (ms === undefined || Number.isNaN(ms)) return '–';
  if (ms >= 9999.5) return `${(ms / 1000).toFixed(1)} s`;
  return `${ms.toFixed(ms < 10 ? 1 : 0)} ms`;
}

/** How many times as long. @param {number | undefined} ours @param {number | undefined} theirs */
export function ratio(ours, theirs) {
  if (ours === undefined || theirs === undefined || Number.isNaN(ours / theirs)) return '–';
  return (ours / theirs).toFixed(2);
}

/** @param {number | undefined} bytes */
export function mebibytes(bytes) {
  return bytes === undefined ? '–' : (bytes / 1048576).toFixed(bytes < 10 * 1048576 ? 1 : 0);
}
