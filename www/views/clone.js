// The clone form, and a clone under way.

import { announce, append, foreign, h } from '../lib/dom.js';
import { clone } from '../lib/git.js';
import { problem } from '../lib/problem.js';
import { format, treeLink } from '../lib/route.js';
import { count, formatBytes } from '../lib/text.js';
import { askCredentials } from './credentials.js';

/** @typedef {import('../../pkg/index.js').Progress} Progress */

/** The clone under way; it goes on while the reader looks at other pages. @type {{ name: string, controller: AbortController, panel: HTMLElement } | undefined} */
let running;

/** @param {import('../app.js').Page} page @param {{ url: string, name: string, depth: string, proxy: string }} given */
export async function cloneView(page, given) {
  page.title('Clone a repository');
  page.crumbs('Clone');
  page.main.replaceChildren(h('h1', { tabindex: -1 }, 'Clone a repository'), running ? running.panel : form(page, given));
}

/** @param {string} label @param {string} id @param {Record<string, unknown>} props @param {string} [help] */
function field(label, id, props, help) {
  return h(
    'div',
    { class: 'field' },
    h('label', { for: id }, label),
    h('input', { id, name: id, autocomplete: 'off', spellcheck: 'false', autocapitalize: 'off', 'aria-describedby': help && `${id}-help`, ...props }),
    help && h('p', { class: 'help', id: `${id}-help` }, help),
  );
}

/** @param {string} url */
function nameFrom(url) {
  return url.replace(/[?#].*$/, '').replace(/\/+$/, '').split('/').pop()?.replace(/\.git$/, '') ?? '';
}

/** @param {import('../app.js').Page} page @param {{ url: string, name: string, depth: string, proxy: string }} given */
function form(page, given) {
  const node = h(
    'form',
    { class: 'panel', id: 'clone', onsubmit: submit },
    field('Repository URL', 'url', { type: 'text', inputmode: 'url', required: true, value: given.url, placeholder: 'https://example.org/project.git' }, 'An http or https address. The server has to allow this page (CORS), or a proxy has to help.'),
    field('Name', 'name', { required: true, value: given.name || nameFrom(given.url) }, 'What to call it in this browser.'),
    h(
      'details',
      { open: Boolean(given.depth || given.proxy) },
      h('summary', {}, 'Options'),
      field('Depth', 'depth', { type: 'number', min: 1, step: 1, inputmode: 'numeric', value: given.depth }, 'Only so many commits of the default branch; empty for the whole history.'),
      field('CORS proxy', 'proxy', { type: 'text', inputmode: 'url', value: given.proxy, placeholder: 'https://proxy.example/' }, 'Put in front of the URL. It sees everything that is transferred.'),
      h(
        'div',
        { class: 'pair' },
        field('User name', 'username', { autocomplete: 'username' }),
        field('Password or token', 'password', { type: 'password', autocomplete: 'current-password' }),
      ),
      h('label', { class: 'check' }, h('input', { type: 'checkbox', name: 'through' }), ' Let the login pass through the proxy'),
      h('p', { class: 'help' }, 'A login is used for this clone and not stored. If the server asks for one, you are asked then.'),
    ),
    h('p', { class: 'actions' }, h('button', { class: 'primary', type: 'submit' }, 'Clone'), h('a', { href: '#/' }, 'Cancel')),
  );
  const url = input(node, 'url');
  const name = input(node, 'name');
  let named = name.value !== nameFrom(url.value);
  name.addEventListener('input', () => (named = true));
  url.addEventListener('input', () => {
    if (!named) name.value = nameFrom(url.value);
  });
  /** @param {Event} event */
  function submit(event) {
    event.preventDefault();
    const value = (/** @type {string} */ id) => input(node, id).value.trim();
    const request = { url: value('url'), name: value('name'), depth: value('depth'), proxy: value('proxy') };
    // A login typed into the address must not stay in the page's history.
    history.replaceState(null, '', format({ view: 'clone', ...request, url: withoutLogin(request.url) }));
    const login = input(node, 'username').value || input(node, 'password').value;
    start(page, request, {
      credentials: login ? { username: input(node, 'username').value, password: input(node, 'password').value } : undefined,
      through: input(node, 'through').checked,
    });
  }
  return node;
}

/** @param {string} url */
function withoutLogin(url) {
  return url.replace(/^(\w+:\/\/)[^/?#]*@/, '$1');
}

/** @param {HTMLFormElement} form @param {string} id */
function input(form, id) {
  return /** @type {HTMLInputElement} */ (form.elements.namedItem(id));
}

const PHASES = new Map([
  ['counting', 'The server counts objects'],
  ['compressing', 'The server compresses objects'],
  ['receiving', 'Receiving objects'],
  ['resolving', 'Resolving deltas'],
  ['checking', 'Checking connectivity'],
  ['writing', 'Writing'],
]);

/** @param {Progress} progress */
function describe(progress) {
  const phase = PHASES.get(progress.phase) ?? progress.phase;
  if (!('loaded' in progress)) return phase;
  const total = progress.total === undefined ? '' : ` of ${progress.total.toLocaleString('en')}`;
  const bytes = 'bytes' in progress && progress.bytes !== undefined ? `, ${formatBytes(progress.bytes)}` : '';
  return `${phase}: ${progress.loaded.toLocaleString('en')}${total}${bytes}`;
}

/**
 * @param {import('../app.js').Page} page
 * @param {{ url: string, name: string, depth: string, proxy: string }} request
 * @param {{ credentials?: { username: string, password: string }, through: boolean }} login
 */
async function start(page, request, { credentials, through }) {
  const controller = new AbortController();
  const status = h('p', { class: 'status', id: 'status' }, 'Contacting the server…');
  const bar = h('progress', { 'aria-label': 'Progress of the clone' });
  const messages = h('pre', { class: 'messages', hidden: true, 'aria-label': 'Messages of the server' });
  const panel = h(
    'section',
    { class: 'panel', id: 'cloning' },
    h('h2', {}, 'Cloning ', foreign(request.name)),
    h('p', { class: 'detail' }, foreign(withoutLogin(request.url))),
    bar,
    status,
    messages,
    h('p', { class: 'actions' }, h('button', { type: 'button', id: 'stop', onclick: () => controller.abort() }, 'Stop')),
  );
  running = { name: request.name, controller, panel };
  page.main.querySelector('form')?.replaceWith(panel);
  let spoken = '';
  let asked = credentials;
  try {
    const repo = await clone(request.url, request.name, {
      signal: controller.signal,
      ...(request.depth ? { depth: Number(request.depth) } : {}),
      ...(request.proxy ? { corsProxy: { url: request.proxy, credentials: through } } : {}),
      credentials: async (challenge) => {
        const given = asked ?? (await askCredentials(challenge, controller.signal));
        asked = undefined;
        return given;
      },
      onProgress: (progress) => {
        status.textContent = describe(progress);
        if ('total' in progress && progress.total && 'loaded' in progress) {
          bar.max = progress.total;
          bar.value = progress.loaded;
        } else bar.removeAttribute('value');
        if (progress.phase !== spoken) announce(PHASES.get((spoken = progress.phase)) ?? spoken);
      },
      onMessage: (text) => {
        messages.hidden = false;
        append(messages, [foreign(text), '\n']);
        if (messages.childNodes.length > 200) messages.firstChild?.remove();
        messages.scrollTop = messages.scrollHeight;
      },
    });
    const { objects, bytes } = await repo.usage();
    running = undefined;
    await repo.close();
    announce('The clone is complete');
    const done = h(
      'section',
      { class: 'panel done' },
      h('h2', {}, foreign(request.name), ' is cloned'),
      h('p', {}, `${count(objects, 'object')}, ${formatBytes(bytes)}`),
      h('p', { class: 'actions' }, h('a', { class: 'button primary', href: treeLink(request.name, 'HEAD') }, 'Browse it')),
    );
    if (panel.isConnected) {
      panel.replaceWith(done);
      location.hash = treeLink(request.name, 'HEAD');
    }
  } catch (error) {
    running = undefined;
    const stopped = controller.signal.aborted;
    const again = h('p', {}, h('button', { type: 'button', onclick: () => page.main.replaceChildren(h('h1', { tabindex: -1 }, 'Clone a repository'), form(page, { ...request, url: withoutLogin(request.url) })) }, 'Back to the form'));
    panel.replaceWith(stopped ? h('section', { class: 'panel', id: 'stopped' }, h('h2', {}, 'Stopped'), h('p', {}, 'Nothing was kept.'), again) : h('div', { class: 'stack' }, problem(error), again));
  }
}
