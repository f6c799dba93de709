// The stored repositories, and the way to a new one.

import { append, foreign, h, icon } from '../lib/dom.js';
import { setDraft } from '../lib/draft.js';
import { forget, list, remove, setProxy } from '../lib/git.js';
import { clearWork } from '../lib/jobs.js';
import { problem } from '../lib/problem.js';
import { cloneLink, treeLink } from '../lib/route.js';
import { count, formatBytes, relativeDate } from '../lib/text.js';

/** @param {import('../app.js').Page} page */
export async function homeView(page) {
  page.title('Repositories');
  const repositories = [];
  for await (const info of list({ signal: page.signal })) repositories.push(info);
  repositories.sort((a, b) => (a.name < b.name ? -1 : 1));
  const rows = h('ul', { class: 'cards', id: 'repositories' }, repositories.map((info) => card(page, info)));
  page.main.replaceChildren(
    h(
      'div',
      { class: 'headline' },
      h('h1', { tabindex: -1 }, 'Repositories'),
      h('a', { class: 'button primary', href: cloneLink({}) }, 'Clone a repository'),
    ),
    repositories.length ? rows : h('p', { class: 'empty' }, 'Nothing is stored in this browser yet. A clone is downloaded once and can then be browsed without a network.'),
  );
  if (repositories.length) page.main.append(await storageLine());
  await examples(page, new Set(repositories.map((info) => info.url)));
}

/** @param {import('../app.js').Page} page @param {import('../../pkg/index.js').RepositoryInfo} info */
function card(page, info) {
  const item = h('li', { class: 'card', 'data-name': info.name });
  const parts = [count(info.objects, 'object'), formatBytes(info.bytes)];
  if (info.lastFetched) parts.push(`fetched ${relativeDate(info.lastFetched.getTime() / 1000)}`);
  append(item, [
    icon('book'),
    h(
      'div',
      { class: 'grow' },
      h('h2', {}, h('a', { href: treeLink(info.name, 'HEAD') }, foreign(info.name))),
      info.url && h('p', { class: 'detail' }, foreign(info.url)),
      h('p', { class: 'detail' }, parts.join(' · ')),
    ),
    h('button', { type: 'button', class: 'quiet danger', onclick: () => confirmRemove(page, item, info.name), 'aria-label': `Delete ${info.name}` }, 'Delete'),
  ]);
  return item;
}

/** @param {import('../app.js').Page} page @param {HTMLElement} item @param {string} name */
function confirmRemove(page, item, name) {
  const dialog = h(
    'dialog',
    { onclose: () => dialog.remove() },
    h('h2', {}, 'Delete this clone?'),
    h('p', {}, foreign(name), ' is removed from this browser. The server’s repository stays as it is.'),
    h(
      'p',
      { class: 'actions' },
      h('button', { type: 'button', onclick: () => dialog.close() }, 'Keep it'),
      h('button', { type: 'button', class: 'primary danger', onclick: act }, 'Delete it'),
    ),
  );
  async function act() {
    dialog.close();
    item.classList.add('busy');
    try {
      await forget(name);
      await remove(name);
      setProxy(name, undefined);
      setDraft(name, undefined);
      clearWork(name);
      await homeView(page);
    } catch (error) {
      item.after(problem(error));
      item.classList.remove('busy');
    }
  }
  page.main.append(dialog);
  dialog.showModal();
}

async function storageLine() {
  const line = h('p', { class: 'detail storage' });
  const persisted = (await navigator.storage?.persisted?.()) ?? false;
  if (persisted) append(line, ['The browser has promised to keep this data.']);
  else if (navigator.storage?.persist) {
    append(line, [
      'The browser may drop this data when space runs short. ',
      h(
        'button',
        {
          type: 'button',
          class: 'inline',
          onclick: async () => line.replaceChildren((await navigator.storage.persist()) ? 'The browser has promised to keep this data.' : 'The browser did not promise to keep this data.'),
        },
        'Ask it to keep it',
      ),
    ]);
  }
  return line;
}

/** Repositories that this page's server offers to try. @param {import('../app.js').Page} page @param {Set<string | undefined>} known */
async function examples(page, known) {
  /** @type {Array<{ name: string, url: string, description: string }>} */
  const offered = await fetch('examples.json', { cache: 'no-store', signal: page.signal })
    .then((response) => (response.ok ? response.json() : []))
    .catch(() => []);
  const fresh = offered.map((example) => ({ ...example, url: new URL(example.url, location.href).href })).filter(({ url }) => !known.has(url));
  if (!fresh.length || page.signal.aborted) return;
  page.main.append(
    h('h2', { class: 'section' }, 'To try'),
    h(
      'ul',
      { class: 'cards', id: 'examples' },
      fresh.map(({ name, url, description }) =>
        h(
          'li',
          { class: 'card' },
          icon('branch'),
          h('div', { class: 'grow' }, h('h2', {}, h('a', { href: cloneLink({ url, name }) }, name)), h('p', { class: 'detail' }, description)),
        ),
      ),
    ),
  );
}
