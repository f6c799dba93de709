// Builds elements. Text from repositories and servers only ever becomes a text node or an
// attribute here, never markup.

import { visible } from './text.js';

/** @typedef {Node | string | number | null | undefined | false} Child */

/**
 * An element. `props` sets attributes; a function becomes a listener ("onclick"), `true` an empty
 * attribute, `false`, null and undefined none.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, unknown>} [props]
 * @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === false || value == null) continue;
    if (typeof value === 'function') element.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    else element.setAttribute(name, value === true ? '' : String(value));
  }
  append(element, children.flat());
  return element;
}

/** @param {Element} element @param {Child[]} children */
export function append(element, children) {
  for (const child of children) {
    if (child === false || child == null) continue;
    element.append(child instanceof Node ? child : String(child));
  }
}

/** Text that came from a repository or a server: hidden characters shown, direction isolated. @param {string} text @param {string} [className] */
export function foreign(text, className = '') {
  return h('bdi', className ? { class: className } : {}, visible(text));
}

const ICONS = {
  tree: 'M1.5 4.5v-1a1 1 0 0 1 1-1h3l1.5 2h6.5a1 1 0 0 1 1 1v7a1 1 0 0 1-1 1h-11a1 1 0 0 1-1-1z',
  blob: 'M3.5 1.5h6l3 3v10h-9zM9.5 1.5v3h3',
  link: 'M6.5 9.5l3-3M5 8l-1.7 1.7a2.1 2.1 0 0 0 3 3L8 11M11 8l1.7-1.700a2.1 2.1 0 0 0-3-3L8 5',
  commit: 'M8 5.2a2.8 2.8 0 1 1 0 5.6a2.8 2.8 0 1 1 0-5.6M1.5 8h3.5M11 8h3.5',
  branch: 'M5 3.5v9M5 9.500c0-3 6-1.5 6-4.500M5 1.800a1.7 1.7 0 1 1 0 .01M5 12.500a1.7 1.7 0 1 1 0 .01M11 3.300a1.7 1.7 0 1 1 0 .01',
  fetch: 'M8 2v8M4.800 7L8 10.200L11.200 7M2.5 13.500h11',
  book: 'M2.5 2.500h4.500a1 1 0 0 1 1 1v10a1 1 0 0 0-1-1h-4.500zM13.5 2.500h-4.500a1 1 0 0 0-1 1v10a1 1 0 0 1 1-1h4.500z',
};

/** @param {keyof typeof ICONS} name */
export function icon(name) {
  const space = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(space, 'svg');
  svg.setAttribute('viewBox', '0 0 16 16');
  svg.setAttribute('class', `icon icon-${name}`);
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(space, 'path');
  path.setAttribute('d', ICONS[name]);
  svg.append(path);
  return svg;
}

/** Says something to screen readers. @param {string} text */
export function announce(text) {
  const region = document.getElementById('announce');
  if (region) region.textContent = text;
}
