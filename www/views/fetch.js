// What can be done to keep a repository up to date: fetch, pull, more of the history, files ahead of
// time, cleaning up. A sheet to choose from; lib/jobs.js runs what was chosen.

import { foreign, h } from '../lib/dom.js';
import { filterOf, forget, localBranch, proxyOf, remotesOf, repository, setProxy } from '../lib/git.js';
import { CHANGED, runningFor, start } from '../lib/jobs.js';
import { problem } from '../lib/problem.js';
import { commitLink, treeLink } from '../lib/route.js';
import { count, formatBytes } from '../lib/text.js';
import { isRecording, setRecording } from '../lib/trace.js';
import { changed, changeList, summary } from './changes.js';
import { shortRev } from './frame.js';

/** @typedef {import('../lib/git.js').Repository} Repository */
/** @typedef {import('../lib/dom.js').Child} Child */
/** @typedef {import('../../pkg/index.js').FetchOptions} FetchOptions */
/** @typedef {import('../../pkg/index.js').FetchResult} FetchResult */

/** What is looked at. @typedef {{ rev: string, path: string, signal: AbortSignal }} At */

/** What is fetched from: the remote of the branch that is looked at, or else of the current one. @param {Repository} repo @param {string} rev @param {AbortSignal} signal */
async function source(repo, rev, signal) {
  const branch = await localBranch(repo, rev, signal);
  const { fetched } = await remotesOf(repo, branch ?? (await localBranch(repo, 'HEAD', signal)), signal);
  const remotes = await repo.remotes.list({ signal });
  return { branch, remote: fetched, url: remotes.find(({ name }) => name === fetched)?.urls[0] };
}

/** @param {Repository} repo @param {At} at */
export async function fetchSheet(repo, { rev, path, signal }) {
  const busy = runningFor(repo.name);
  if (busy) {
    /** @type {HTMLElement | null} */ (busy.querySelector('.stop'))?.focus();
    return;
  }
  const body = h('div', { class: 'stack' }, h('p', { class: 'wait' }, 'Loading…'));
  const dialog = h(
    'dialog',
    { class: 'sheet', id: 'fetching', 'aria-labelledby': 'fetching-title', onclose: () => dialog.remove(), onclick: (/** @type {Event} */ event) => event.target === dialog && dialog.close() },
    h('div', { class: 'headline' }, h('h2', { id: 'fetching-title' }, 'Fetch and more'), h('button', { type: 'button', class: 'quiet close', 'aria-label': 'Close', onclick: () => dialog.close() }, '✕')),
    body,
  );
  document.body.append(dialog);
  dialog.showModal();
  signal.addEventListener('abort', () => dialog.close(), { once: true });
  try {
    const [from, shallow, filter] = await Promise.all([source(repo, rev, signal), repo.shallow({ signal }), filterOf(repo, signal)]);
    body.replaceChildren(...choices(dialog, repo, { rev, path, ...from, isShallow: shallow.length > 0, filter }));
    /** @type {HTMLElement | null} */ (body.querySelector('.primary'))?.focus();
  } catch (error) {
    if (!signal.aborted) body.replaceChildren(problem(error));
  }
}

/**
 * @param {HTMLDialogElement} dialog
 * @param {Repository} repo
 * @param {{ rev: string, path: string, remote?: string, url?: string, isShallow: boolean, filter?: string, branch?: string }} found
 */
function choices(dialog, repo, { rev, path, remote, url, isShallow, filter, branch }) {
  const { name } = repo;
  /** Closes the sheet, then acts. @param {() => void} act */
  const then = (act) => () => {
    dialog.close();
    act();
  };
  const prune = h('input', { type: 'checkbox', id: 'prune' });
  const more = h('input', { type: 'number', id: 'deepen-by', min: 1, step: 1, value: 50, inputmode: 'numeric', 'aria-label': 'How many commits' });
  const label = branch ?? rev;
  return [
    url && h('p', { class: 'detail' }, 'From ', foreign(url)),
    h(
      'ul',
      { class: 'choices' },
      choice('fetch', 'Fetch', ['Brings what is new on the server. Files and local branches stay as they are.', h('label', { class: 'check' }, prune, ' Remove branches that the server has no more (prune)')], {
        primary: true,
        act: then(() => fetchNow(name, 'Fetching', { remote, ...(prune.checked ? { prune: true } : {}) })),
      }),
      branch && choice('pull', h('span', {}, 'Pull ', foreign(shortRev(branch))), ['Fetches, and moves this branch forward to where the server has it.'], { act: then(() => pullNow(name, branch)) }),
      isShallow && choice('deepen', 'Deepen', ['Only the newest history is here. Fetches some more of it: ', more, ' commits.'], { act: () => more.reportValidity() && then(() => fetchNow(name, 'Fetching more of the history', { remote, deepen: Number(more.value) }))() }),
      isShallow && choice('unshallow', 'Fetch the whole history', ['Everything back to the first commit. That can be a lot.'], { act: then(() => fetchNow(name, 'Fetching the whole history', { remote, unshallow: true })) }),
      filter && choice('prefetch', 'Download files here', ['Files are downloaded when they are opened. This downloads all files', path && [' in ', h('b', {}, foreign(path))], ' at ', h('b', {}, foreign(shortRev(label))), ' at once, to be read without a network.'].flat(), { act: then(() => prefetchNow(name, rev, path, shortRev(label))) }),
      choice('gc', 'Clean up', ['Packs what is stored anew, and drops what nothing needs any more. Nothing is asked of the server.'], { act: then(() => cleanUp(name)) }),
    ),
    connection(name),
  ].filter((node) => node instanceof Node);
}

/**
 * @param {string} id @param {Child} title @param {Child[]} text
 * @param {{ act: () => void, primary?: boolean }} action
 */
function choice(id, title, text, { act, primary = false }) {
  return h(
    'li',
    { class: 'choice' },
    h('p', { class: 'detail grow', id: `${id}-about` }, text),
    h('button', { type: 'button', id: `do-${id}`, class: primary ? 'primary' : '', 'aria-describedby': `${id}-about`, onclick: act }, title),
  );
}

/** How the server is talked to. @param {string} name */
function connection(name) {
  const proxy = proxyOf(name);
  const url = h('input', { type: 'text', inputmode: 'url', id: 'fetch-proxy', value: proxy?.url ?? '', placeholder: 'https://proxy.example/', autocomplete: 'off', spellcheck: 'false', onchange: keep });
  const through = h('input', { type: 'checkbox', id: 'fetch-through', onchange: keep });
  through.checked = proxy?.credentials ?? false;
  async function keep() {
    setProxy(name, { url: url.value.trim(), credentials: through.checked });
    // Reads of a partial clone go the same way, and were told when it was opened.
    await forget(name);
    document.dispatchEvent(new CustomEvent(CHANGED, { detail: name }));
  }
  return h(
    'details',
    { open: Boolean(proxy) },
    h('summary', {}, 'Connection'),
    h('div', { class: 'field' }, h('label', { for: 'fetch-proxy' }, 'CORS proxy'), url, h('p', { class: 'help' }, 'Put in front of the URL where the server does not allow this page. It sees everything that is transferred.')),
    h('label', { class: 'check' }, through, ' Let a login pass through the proxy'),
    recordBox(),
  );
}

/** The box that turns recording on and off. */
export function recordBox() {
  const box = h('input', { type: 'checkbox', id: 'record', onchange: () => setRecording(box.checked) });
  box.checked = isRecording();
  return h('label', { class: 'check' }, box, ' Record requests, to copy them with an error (without logins)');
}

/** @param {string} name @param {string} title @param {FetchOptions} options */
export function fetchNow(name, title, options) {
  return start({
    name,
    title,
    about: [foreign(name)],
    async run(remote) {
      const repo = await repository(name);
      const result = await repo.fetch({ ...options, ...remote });
      const whole = options.unshallow && result.shallowChanged && (await repo.shallow()).length === 0;
      return { said: whole ? 'The whole history is here' : summary(result), nodes: [...changeList(name, result), await suggestion(repo, result)], changed: isChange(result) };
    },
  });
}

/** @param {FetchResult} result */
function isChange(result) {
  return result.shallowChanged || result.objects > 0 || changed(result).some(({ kind }) => kind !== 'rejected');
}

/** A fetch leaves local branches alone; says so where the reader may have expected otherwise. @param {Repository} repo @param {FetchResult} result */
async function suggestion(repo, { updates, fetchHead }) {
  const merge = fetchHead.find(({ forMerge }) => forMerge);
  const update = merge && updates.find(({ remoteName, kind }) => remoteName === merge.name && (kind === 'fast-forward' || kind === 'forced'));
  const branch = await localBranch(repo, 'HEAD');
  if (!update || !branch) return undefined;
  const at = await repo.resolve(branch).catch(() => undefined);
  if (!at || at === merge?.oid) return undefined;
  return h(
    'p',
    { class: 'actions note' },
    h('span', { class: 'grow' }, 'Your branch ', h('b', {}, foreign(shortRev(branch))), ' is still at ', h('code', {}, at.slice(0, 8)), '.'),
    h('button', { type: 'button', onclick: () => pullNow(repo.name, branch) }, h('span', {}, 'Pull ', foreign(shortRev(branch)))),
    h('a', { class: 'button', href: treeLink(repo.name, update.name) }, h('span', {}, 'Show ', foreign(shortRev(update.name)))),
  );
}

/** @param {string} name @param {string} branch */
function pullNow(name, branch) {
  return start({
    name,
    title: 'Pulling',
    about: [foreign(shortRev(branch))],
    async run(remote) {
      const repo = await repository(name);
      const result = await repo.pull(shortRev(branch), remote);
      return { said: pulled(shortRev(branch), result), nodes: [...divergence(name, shortRev(branch), result), ...changeList(name, result)], changed: isChange(result) };
    },
  });
}

/** @typedef {import('../../pkg/index.js').PullResult} PullResult */

/** @param {string} branch @param {PullResult} result */
function pulled(branch, { ahead, behind, updates }) {
  switch (updates.at(-1)?.kind) {
    case 'rejected':
      return ahead && behind ? `${branch} and the server’s branch have diverged` : `${branch} was left as it is`;
    case 'up-to-date':
      return `${branch} is already up to date`;
    case 'new':
      return `${branch} is here now`;
    default:
      return `${branch} moved forward by ${count(behind, 'commit')}`;
  }
}

/** @param {number} commits */
const are = (commits) => `${commits === 1 ? 'is' : 'are'} ${count(commits, 'commit')}`;

/** @param {string} name of the repository @param {string} branch @param {PullResult} result */
function divergence(name, branch, { ahead, behind, mergeBase }) {
  if (!ahead) return [];
  if (!behind) return [h('p', {}, foreign(branch), ` has ${count(ahead, 'commit')} that the server has not.`)];
  return [
    h(
      'p',
      { class: 'warn' },
      `Here ${are(ahead)} that the server’s branch has not, and there ${are(behind)} that ${behind === 1 ? 'is' : 'are'} not in yours. `,
      mergeBase[0] ? ['They parted at ', h('a', { class: 'oid', href: commitLink(name, mergeBase[0]) }, mergeBase[0].slice(0, 8)), '. '] : 'They have no commit in common. ',
      'Moving forward would lose your side of it, so the branch was left as it is. What the server has was fetched, and can be looked at below. Bringing both together takes a merge or a rebase, which this page cannot do.',
    ),
  ];
}

/** @param {string} name @param {string} rev @param {string} path @param {string} label how the revision is called */
function prefetchNow(name, rev, path, label) {
  return start({
    name,
    title: 'Downloading files',
    about: ['of ', foreign(path === '' ? name : path)],
    kept: 'Files that had come are kept, the others are downloaded when they are opened.',
    async run(remote) {
      const repo = await repository(name);
      const { objects, bytes } = await repo.prefetch(rev, { ...(path ? { path } : {}), recursive: true, ...remote });
      return {
        said: objects ? `${count(objects, 'object')} downloaded, ${formatBytes(bytes)}` : 'Everything was here already',
        nodes: [h('p', { class: 'detail' }, path ? foreign(path) : 'Everything', ' at ', foreign(label), ' can now be read without a network.')],
        changed: objects > 0,
      };
    },
  });
}

/** @param {string} name */
function cleanUp(name) {
  return start({
    name,
    title: 'Cleaning up',
    about: [foreign(name)],
    async run({ signal, onProgress, onWarning }) {
      const repo = await repository(name);
      const before = await repo.usage({ signal });
      const { dropped } = await repo.gc({ signal, onProgress, onWarning });
      const after = await repo.usage();
      const saved = before.bytes - after.bytes;
      return {
        said: saved > 0 ? `${formatBytes(saved)} saved` : 'It was tidy already',
        nodes: [
          h(
            'dl',
            { class: 'facts' },
            h('dt', {}, 'Before'),
            h('dd', {}, `${formatBytes(before.bytes)} in ${count(before.packs, 'pack')}, ${count(before.objects, 'object')}`),
            h('dt', {}, 'Now'),
            h('dd', {}, `${formatBytes(after.bytes)} in ${count(after.packs, 'pack')}, ${count(after.objects, 'object')}`),
          ),
          dropped > 0 && h('p', { class: 'detail' }, `${count(dropped, 'object')} that nothing needed any more ${dropped === 1 ? 'was' : 'were'} dropped.`),
        ],
        changed: false,
      };
    },
  });
}
