// The clone form, and a clone under way.

import { announce, foreign, h } from '../lib/dom.js';
import { askCredentials } from '../lib/credentials.js';
import { clone, setProxy } from '../lib/git.js';
import { problem } from '../lib/problem.js';
import { progressParts } from '../lib/progress.js';
import { cloneLink, treeLink } from '../lib/route.js';
import { count, formatBytes } from '../lib/text.js';
import { recorded } from '../lib/trace.js';
import { recordBox } from './fetch.js';

/** @typedef {import('../lib/route.js').CloneRequest} CloneRequest */

/** The clone under way; it goes on while the reader looks at other pages. @type {{ name: string, controller: AbortController, panel: HTMLElement } | undefined} */
let running;

/** @param {import('../app.js').Page} page @param {CloneRequest} given */
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

/** Filters, and what they mean. @type {Array<[string, string]>} */
const FILTERS = [
  ['', 'Everything'],
  ['blob:none', 'Without file contents until they are opened'],
  ['blob:limit=1m', 'Without files over 1 MiB until they are opened'],
];

/** @type {Array<[string, string]>} */
const TAGS = [
  ['', 'Those of the commits that come'],
  ['all', 'All'],
  ['none', 'None'],
];

/** @param {string} label @param {string} id @param {string} value @param {Array<[string, string]>} options @param {string} [help] */
function select(label, id, value, options, help) {
  // A filter that somebody wrote into the address is as good.
  const all = options.some(([known]) => known === value) ? options : [...options, /** @type {[string, string]} */ ([value, value])];
  return h(
    'div',
    { class: 'field' },
    h('label', { for: id }, label),
    h('select', { id, name: id, 'aria-describedby': help && `${id}-help` }, all.map(([name, text]) => h('option', { value: name, selected: name === value }, text))),
    help && h('p', { class: 'help', id: `${id}-help` }, help),
  );
}

/** @param {string} id @param {string} label @param {string} [help] */
function check(id, label, help) {
  return h('div', { class: 'field' }, h('label', { class: 'check' }, h('input', { type: 'checkbox', id, name: id, 'aria-describedby': help && `${id}-help` }), ` ${label}`), help && h('p', { class: 'help', id: `${id}-help` }, help));
}

/** @param {string} url */
function nameFrom(url) {
  return url.replace(/[?#].*$/, '').replace(/\/+$/, '').split('/').pop()?.replace(/\.git$/, '') ?? '';
}

/** @param {import('../app.js').Page} page @param {CloneRequest} given */
function form(page, given) {
  const node = h(
    'form',
    { class: 'panel', id: 'clone', onsubmit: submit },
    field('Repository URL', 'url', { type: 'text', inputmode: 'url', required: true, value: given.url, placeholder: 'https://example.org/project.git' }, 'An http or https address. The server has to allow this page (CORS), or a proxy has to help.'),
    field('Name', 'name', { required: true, value: given.name || nameFrom(given.url) }, 'What to call it in this browser.'),
    select('Contents', 'filter', given.filter, FILTERS, 'What is left out stays on the server and is downloaded when it is opened.'),
    h(
      'details',
      { open: Boolean(given.depth || given.proxy || given.branch || given.single || given.tags) },
      h('summary', {}, 'Options'),
      h(
        'div',
        { class: 'pair' },
        field('Depth', 'depth', { type: 'number', min: 1, step: 1, inputmode: 'numeric', value: given.depth, placeholder: 'the whole history' }, 'Only so many of the newest commits. More can be fetched later.'),
        field('Branch', 'branch', { value: given.branch, placeholder: 'as the server says' }, 'The branch or tag to begin with.'),
      ),
      check('single', 'Only that branch', 'The others are not fetched, now or later. Usual with a depth.'),
      select('Tags', 'tags', given.tags, TAGS),
      field('CORS proxy', 'proxy', { type: 'text', inputmode: 'url', value: given.proxy, placeholder: 'https://proxy.example/' }, 'Put in front of the URL. It sees everything that is transferred.'),
      h(
        'div',
        { class: 'pair' },
        field('User name', 'username', { autocomplete: 'username' }),
        field('Password or token', 'password', { type: 'password', autocomplete: 'current-password' }),
      ),
      h('p', { class: 'help' }, 'A login is used for this clone and not stored. If the server asks for one, you are asked then.'),
      check('through', 'Let the login pass through the proxy'),
      recordBox(),
    ),
    h('p', { class: 'actions' }, h('button', { class: 'primary', type: 'submit' }, 'Clone'), h('a', { href: '#/' }, 'Cancel')),
  );
  const url = input(node, 'url');
  const name = input(node, 'name');
  const [depth, single] = [input(node, 'depth'), input(node, 'single')];
  // As git does, unless the reader says otherwise.
  let chosen = given.single !== '';
  single.checked = chosen ? given.single === '1' : depth.value !== '';
  single.addEventListener('input', () => (chosen = true));
  depth.addEventListener('input', () => {
    if (!chosen) single.checked = depth.value !== '';
  });
  let named = name.value !== nameFrom(url.value);
  name.addEventListener('input', () => (named = true));
  url.addEventListener('input', () => {
    if (!named) name.value = nameFrom(url.value);
  });
  /** @param {Event} event */
  function submit(event) {
    event.preventDefault();
    const value = (/** @type {string} */ id) => input(node, id).value.trim();
    /** @type {CloneRequest} */
    const request = {
      url: value('url'),
      name: value('name'),
      depth: value('depth'),
      branch: value('branch'),
      single: single.checked === (value('depth') !== '') ? '' : single.checked ? '1' : '0',
      filter: value('filter'),
      tags: value('tags'),
      proxy: value('proxy'),
    };
    // A login typed into the address must not stay in the page's history.
    history.replaceState(null, '', cloneLink({ ...request, url: withoutLogin(request.url) }));
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

/**
 * @param {import('../app.js').Page} page
 * @param {CloneRequest} request
 * @param {{ credentials?: { username: string, password: string }, through: boolean }} login
 */
async function start(page, request, { credentials, through }) {
  const controller = new AbortController();
  const parts = progressParts('Progress of the clone', 'Contacting the server…');
  const panel = h(
    'section',
    { class: 'panel', id: 'cloning' },
    h('h2', {}, 'Cloning ', foreign(request.name)),
    h('p', { class: 'detail' }, foreign(withoutLogin(request.url))),
    ...parts.nodes,
    h('p', { class: 'actions' }, h('button', { type: 'button', id: 'stop', onclick: () => controller.abort() }, 'Stop')),
  );
  running = { name: request.name, controller, panel };
  page.main.querySelector('form')?.replaceWith(panel);
  let asked = credentials;
  const corsProxy = request.proxy ? { url: request.proxy, credentials: through } : undefined;
  try {
    const repo = await recorded((trace) =>
      clone(request.url, request.name, {
        signal: controller.signal,
        ...(request.depth ? { depth: Number(request.depth) } : {}),
        ...(request.branch ? { ref: request.branch } : {}),
        ...(request.single ? { singleBranch: request.single === '1' } : {}),
        ...(request.filter ? { filter: request.filter } : {}),
        ...(request.tags === 'all' || request.tags === 'none' ? { tags: request.tags } : {}),
        ...(corsProxy ? { corsProxy } : {}),
        credentials: async (challenge) => {
          const given = asked ?? (await askCredentials(challenge, controller.signal));
          asked = undefined;
          return given;
        },
        onProgress: parts.onProgress,
        onMessage: parts.onMessage,
        onWarning: parts.onWarning,
        ...trace,
      }),
    );
    setProxy(request.name, corsProxy);
    const { objects, bytes } = await repo.usage();
    running = undefined;
    await repo.close();
    announce('The clone is complete');
    const done = h(
      'section',
      { class: 'panel done' },
      h('h2', {}, foreign(request.name), ' is cloned'),
      h('p', {}, `${count(objects, 'object')}, ${formatBytes(bytes)}`),
      parts.warnings,
      h('p', { class: 'actions' }, h('a', { class: 'button primary', href: treeLink(request.name, 'HEAD') }, 'Browse it')),
    );
    if (panel.isConnected) {
      panel.replaceWith(done);
      // What there was to warn of is to be read first.
      if (!parts.warnings.childElementCount) location.hash = treeLink(request.name, 'HEAD');
    }
  } catch (error) {
    running = undefined;
    const stopped = controller.signal.aborted;
    const again = h('p', {}, h('button', { type: 'button', onclick: () => page.main.replaceChildren(h('h1', { tabindex: -1 }, 'Clone a repository'), form(page, { ...request, url: withoutLogin(request.url) })) }, 'Back to the form'));
    panel.replaceWith(stopped ? h('section', { class: 'panel', id: 'stopped' }, h('h2', {}, 'Stopped'), h('p', {}, 'Nothing was kept.'), again) : h('div', { class: 'stack' }, problem(error), again));
  }
}
