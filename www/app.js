// Starts the page: theme, routes, focus.

import { announce, h } from './lib/dom.js';
import { CHANGED, showWork } from './lib/jobs.js';
import { problem } from './lib/problem.js';
import { parse } from './lib/route.js';
import { cloneView } from './views/clone.js';
import { commitView } from './views/commit.js';
import { draftView } from './views/draft.js';
import { editView } from './views/edit.js';
import { fileView } from './views/file.js';
import { homeView } from './views/home.js';
import { logView } from './views/log.js';
import { treeView } from './views/tree.js';

/**
 * What a view gets: where to draw, the signal that ends with it, how to name itself, and how to say
 * that the reader may begin, before the view has ended.
 * @typedef {{ main: HTMLElement, signal: AbortSignal, title: (text: string) => void, crumbs: (...nodes: Array<Node | string>) => void, ready: () => void }} Page
 */

const main = /** @type {HTMLElement} */ (document.getElementById('main'));
const crumbs = /** @type {HTMLElement} */ (document.getElementById('crumbs'));
let leave = new AbortController();
let first = true;

/**
 * Draws the page that the address names. `again`: it is the one that is shown, out of date; what the
 * reader sees and has the focus on stays until the new state is there.
 * @param {{ again?: boolean }} [how]
 */
async function show({ again = false } = {}) {
  leave.abort();
  leave = new AbortController();
  const { signal } = leave;
  const route = parse(location.hash);
  const focused = again && main.contains(document.activeElement) ? document.activeElement?.id : '';
  const scrolled = scrollY;
  let begun = false;
  if (!again) {
    main.replaceChildren(h('p', { class: 'wait' }, 'Loading…'));
    crumbs.replaceChildren();
  }
  showWork('name' in route && route.view !== 'clone' ? route.name : '');
  /** @type {Page} */
  const page = {
    main,
    signal,
    title: (text) => {
      document.title = text ? `${text} · gitside` : 'gitside';
      if (!again) announce(text);
    },
    crumbs: (...nodes) => crumbs.replaceChildren(...nodes),
    ready,
  };
  try {
    switch (route.view) {
      case 'home':
        await homeView(page);
        break;
      case 'clone':
        await cloneView(page, route);
        break;
      case 'tree':
        await treeView(page, route);
        break;
      case 'blob':
        await fileView(page, route);
        break;
      case 'log':
        await logView(page, route);
        break;
      case 'commit':
        await commitView(page, route);
        break;
      case 'edit':
      case 'new':
        await editView(page, route);
        break;
      case 'changes':
        await draftView(page, route);
        break;
      default:
        page.title('No such page');
        main.replaceChildren(h('h1', {}, 'No such page'), h('p', {}, h('a', { href: '#/' }, 'To the repositories')));
    }
  } catch (error) {
    if (signal.aborted) return;
    page.title('Problem');
    main.replaceChildren(problem(error, { retry: () => show() }), h('p', {}, h('a', { href: '#/' }, 'To the repositories')));
  }
  ready();
  function ready() {
    if (signal.aborted || begun) return;
    begun = true;
    main.dataset.ready = location.hash || '#/';
    if (again) {
      if (focused && document.activeElement === document.body) document.getElementById(focused)?.focus({ preventScroll: true });
      scrollTo({ top: scrolled });
    } else if (!first) (main.querySelector('h1') ?? main).focus?.({ preventScroll: true });
    first = false;
  }
}

const button = /** @type {HTMLButtonElement} */ (document.getElementById('theme'));
const dark = matchMedia('(prefers-color-scheme: dark)');

function theme() {
  const chosen = localStorage.getItem('theme');
  const isDark = chosen ? chosen === 'dark' : dark.matches;
  document.documentElement.dataset.theme = isDark ? 'dark' : 'light';
  button.textContent = isDark ? 'Light' : 'Dark';
}

button.addEventListener('click', () => {
  localStorage.setItem('theme', document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark');
  theme();
});
dark.addEventListener('change', theme);
document.querySelector('[data-skip]')?.addEventListener('click', (event) => {
  event.preventDefault();
  main.focus();
});
addEventListener('hashchange', () => show());
// A repository has changed: its pages show the new state, but not under a dialog that is being used.
document.addEventListener(CHANGED, (event) => {
  const route = parse(location.hash);
  if (!('name' in route) || route.name !== /** @type {CustomEvent<string>} */ (event).detail) return;
  // What is being typed stays.
  if (route.view === 'edit' || route.view === 'new') return;
  const dialog = document.querySelector('dialog[open]');
  if (dialog) dialog.addEventListener('close', () => show({ again: true }), { once: true });
  else show({ again: true });
});
theme();
show();
