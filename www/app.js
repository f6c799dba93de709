// Starts the page: theme, routes, focus.

import { announce, h } from './lib/dom.js';
import { problem } from './lib/problem.js';
import { parse } from './lib/route.js';
import { cloneView } from './views/clone.js';
import { commitView } from './views/commit.js';
import { fileView } from './views/file.js';
import { homeView } from './views/home.js';
import { logView } from './views/log.js';
import { treeView } from './views/tree.js';

/**
 * What a view gets: where to draw, the signal that ends with it, and how to name itself.
 * @typedef {{ main: HTMLElement, signal: AbortSignal, title: (text: string) => void, crumbs: (...nodes: Array<Node | string>) => void }} Page
 */

const main = /** @type {HTMLElement} */ (document.getElementById('main'));
const crumbs = /** @type {HTMLElement} */ (document.getElementById('crumbs'));
let leave = new AbortController();
let first = true;

async function show() {
  leave.abort();
  leave = new AbortController();
  const { signal } = leave;
  const route = parse(location.hash);
  main.replaceChildren(h('p', { class: 'wait' }, 'Loading…'));
  crumbs.replaceChildren();
  /** @type {Page} */
  const page = {
    main,
    signal,
    title: (text) => {
      document.title = text ? `${text} · gitside` : 'gitside';
      announce(text);
    },
    crumbs: (...nodes) => crumbs.replaceChildren(...nodes),
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
      default:
        page.title('No such page');
        main.replaceChildren(h('h1', {}, 'No such page'), h('p', {}, h('a', { href: '#/' }, 'To the repositories')));
    }
  } catch (error) {
    if (signal.aborted) return;
    page.title('Problem');
    main.replaceChildren(problem(error, { retry: show }), h('p', {}, h('a', { href: '#/' }, 'To the repositories')));
  }
  if (signal.aborted) return;
  main.dataset.ready = location.hash || '#/';
  if (!first) (main.querySelector('h1') ?? main).focus?.({ preventScroll: true });
  first = false;
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
addEventListener('hashchange', show);
theme();
show();
