// A file: its text with line numbers, a picture, or a way to download it.

import { foreign, h } from '../lib/dom.js';
import { draftOf } from '../lib/draft.js';
import { localBranch, repository } from '../lib/git.js';
import { format, logLink } from '../lib/route.js';
import { count, downloadName, formatBytes, hasHidden } from '../lib/text.js';
import { draftNote, fileActions } from './actions.js';
import { downloading } from './download.js';
import { crumbs, pathLinks, shortRev, showRev, toolbar } from './frame.js';

const TEXT_LIMIT = 1024 * 1024;
const LINE_LIMIT = 20000;

/** Shown as pictures; an SVG in an <img> runs no script. */
const PICTURES = new Map([
  ['png', 'image/png'],
  ['jpg', 'image/jpeg'],
  ['jpeg', 'image/jpeg'],
  ['gif', 'image/gif'],
  ['webp', 'image/webp'],
  ['avif', 'image/avif'],
  ['svg', 'image/svg+xml'],
]);

/** @typedef {{ view: 'blob', name: string, rev: string, path: string, oid: string, lines: string }} FileRoute */

/** @param {import('../app.js').Page} page @param {FileRoute} route */
export async function fileView(page, route) {
  const { name, rev, path, oid } = route;
  const { signal } = page;
  const repo = await repository(name);
  const label = await showRev(repo, rev, signal);
  page.title(`${path} at ${shortRev(label)}`);
  crumbs(page, name, rev);
  const heading = h('h1', { tabindex: -1, class: 'unseen' }, path);
  const bar = await toolbar(repo, { view: 'blob', rev, label, path, signal });
  const place = h('div', { class: 'stack' });
  const read = (/** @type {import('../../pkg/index.js').RemoteOptions} */ options) => (oid ? repo.blob(oid, undefined, options) : repo.blob(rev, path, options));
  const blob = await downloading(place, signal, read, () => {
    page.main.replaceChildren(heading, bar, pathLinks(name, rev, path), place);
    page.ready();
  });
  if (!blob || signal.aborted) return;
  const actions = h('p', { class: 'actions' }, h('button', { type: 'button', id: 'download', onclick: () => download(path, blob) }, 'Download'), h('a', { class: 'button', href: logLink(name, rev, path) }, 'History'), oid ? [] : fileActions(repo, rev, path));
  const facts = h('p', { class: 'detail grow', id: 'facts' }, formatBytes(blob.size));
  const body = h('section', { class: 'file' }, h('div', { class: 'filebar' }, facts, actions));
  page.main.replaceChildren(heading, bar, pathLinks(name, rev, path), draftNote(repo, draftOf(name), await localBranch(repo, rev, signal), path) ?? '', body);
  const extension = path.split('.').pop()?.toLowerCase() ?? '';
  const type = PICTURES.get(extension);
  if (type && blob.size <= 32 * TEXT_LIMIT) {
    body.append(picture(path, new Blob([/** @type {BlobPart} */ (await blob.bytes({ signal }))], { type }), signal));
    if (type !== 'image/svg+xml') return;
  }
  if (blob.size > TEXT_LIMIT) {
    body.append(h('p', { class: 'empty' }, 'This file is too large to show. It can be downloaded.'));
    return;
  }
  const bytes = await blob.bytes({ signal });
  if (bytes.subarray(0, 8000).includes(0)) {
    if (!type) body.append(h('p', { class: 'empty' }, 'This is a binary file. It can be downloaded.'));
    return;
  }
  const text = new TextDecoder().decode(bytes);
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  facts.textContent = `${formatBytes(blob.size)} · ${count(lines.length, 'line')}`;
  actions.prepend(h('button', { type: 'button', onclick: copy }, 'Copy'));
  /** @param {Event} event */
  async function copy(event) {
    await navigator.clipboard?.writeText(text);
    /** @type {HTMLElement} */ (event.target).textContent = 'Copied';
  }
  if (hasHidden(text)) body.append(h('p', { class: 'warn' }, 'This file has hidden or direction-changing characters; they are shown as ⟨U+…⟩.'));
  body.append(code(route, lines));
  if (lines.length > LINE_LIMIT) body.append(h('p', { class: 'empty' }, `Only the first ${LINE_LIMIT.toLocaleString('en')} lines are shown. The whole file can be downloaded.`));
  body.querySelector('.marked')?.scrollIntoView({ block: 'center' });
}

/** @param {string} lines "10" or "10-20" @returns {[number, number]} */
function range(lines) {
  const [from = 0, to = from] = lines.split('-').map(Number);
  return from <= to ? [from, to] : [to, from];
}

/** @param {FileRoute} route @param {string[]} lines */
function code(route, lines) {
  const [from, to] = range(route.lines || '0');
  const table = h('div', { class: 'code', id: 'code', role: 'region', 'aria-label': 'File content', tabindex: 0 });
  // Blocks of a hundred lines, so that the browser lays out only those in sight.
  for (let start = 0; start < Math.min(lines.length, LINE_LIMIT); start += 100) {
    const block = h('div', { class: 'block' });
    lines.slice(start, start + 100).forEach((line, index) => {
      const number = start + index + 1;
      const marked = number >= from && number <= to && from > 0;
      block.append(h('div', { class: marked ? 'line marked' : 'line' }, h('a', { class: 'number', 'data-line': number, 'aria-label': `Line ${number}`, href: format({ ...route, lines: String(number) }) }), h('span', { class: 'text' }, foreign(line))));
    });
    table.append(block);
  }
  table.addEventListener('click', (event) => {
    const number = /** @type {HTMLElement} */ (event.target).dataset?.line;
    if (!number) return;
    event.preventDefault();
    const current = range(route.lines || '0');
    const chosen = event.shiftKey && current[0] > 0 ? `${Math.min(current[0], Number(number))}-${Math.max(current[0], Number(number))}` : number;
    route.lines = chosen;
    history.replaceState(null, '', format(route));
    const [first, last] = range(chosen);
    for (const line of table.querySelectorAll('.line')) {
      const at = Number(/** @type {HTMLElement} */ (line.firstElementChild).dataset.line);
      line.classList.toggle('marked', at >= first && at <= last);
    }
  });
  return table;
}

/** @param {string} path @param {Blob} data @param {AbortSignal} signal */
function picture(path, data, signal) {
  const url = URL.createObjectURL(data);
  signal.addEventListener('abort', () => URL.revokeObjectURL(url), { once: true });
  return h('div', { class: 'picture' }, h('img', { src: url, alt: path }));
}

/** @param {string} path @param {import('../../pkg/index.js').BlobHandle} blob */
async function download(path, blob) {
  const data = new Blob([/** @type {BlobPart} */ (await blob.bytes())], { type: 'application/octet-stream' });
  const url = URL.createObjectURL(data);
  const link = h('a', { href: url, download: downloadName(path) });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}
