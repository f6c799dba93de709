// Push: what it would send, what the server said of each ref, and what can be done when it said no.

import { foreign, h } from '../lib/dom.js';
import { draftOf, editsOf, isEmpty, setDraft } from '../lib/draft.js';
import { remotesOf, repository } from '../lib/git.js';
import { knownIdentity } from '../lib/identity.js';
import { CHANGED, start } from '../lib/jobs.js';
import { problem } from '../lib/problem.js';
import { changesLink, commitLink, logLink } from '../lib/route.js';
import { count, formatBytes } from '../lib/text.js';
import { shortRev } from './frame.js';

/** @typedef {import('../lib/git.js').Repository} Repository */
/** @typedef {import('../../pkg/index.js').PushResult} PushResult */
/** @typedef {import('../../pkg/index.js').PushUpdate} PushUpdate */

/**
 * How many commits a branch has that its remote's has not: undefined where it cannot be pushed,
 * null where the server was never seen to have the branch.
 * @param {Repository} repo @param {string} branch @param {AbortSignal} [signal]
 */
export async function unpushed(repo, branch, signal) {
  if (!branch.startsWith('refs/heads/')) return undefined;
  const { pushed: remote } = await remotesOf(repo, branch, signal);
  if (!remote) return undefined;
  const tracked = `refs/remotes/${remote}/${shortRev(branch)}`;
  const there = new Set();
  for await (const ref of repo.refs({ prefix: tracked, signal })) there.add(ref.name);
  if (!there.has(tracked)) return null;
  return (await repo.aheadBehind(branch, tracked, { signal })).ahead;
}

/** A button that pushes a branch, where there is something to push. @param {Repository} repo @param {string} branch @param {AbortSignal} [signal] */
export async function pushable(repo, branch, signal) {
  const ahead = await unpushed(repo, branch, signal).catch(() => undefined);
  if (ahead === undefined || ahead === 0) return undefined;
  return h('button', { type: 'button', class: 'primary push', onclick: () => pushNow(repo.name, branch, ahead === null) }, ahead === null ? 'Push this branch' : `Push ${count(ahead, 'commit')}`);
}

/**
 * Pushes a branch. One that is new to the server follows from now on what it becomes there.
 * @param {string} name @param {string} branch @param {boolean} isNew
 */
function pushNow(name, branch, isNew) {
  return start({
    name,
    title: 'Pushing',
    about: [foreign(shortRev(branch))],
    kept: 'What the server has is not known to have changed; fetch to see.',
    async run(remote) {
      const repo = await repository(name);
      const { pushed } = await remotesOf(repo, branch);
      const result = await repo.push({ remote: pushed, refspecs: [branch], setUpstream: isNew, ...remote });
      return { said: said(result, branch), nodes: nodes(name, branch, result), changed: true };
    },
  });
}

/** One sentence. @param {PushResult} result @param {string} branch */
function said({ updates }, branch) {
  const [update] = updates;
  const label = shortRev(branch);
  switch (update?.kind) {
    case 'rejected':
      return `${label} was not taken`;
    case 'unknown':
      return `It is not known whether the server took ${label}`;
    case 'up-to-date':
      return 'Everything is on the server already';
    default:
      return `${label} is on the server`;
  }
}

/** The server's branch has commits which are not here. */
const BEHIND = new Set(['fetch-first', 'non-fast-forward', 'stale-info', 'remote-updated', 'failed-to-update']);

/** @param {string} name @param {string} branch @param {PushResult} result */
function nodes(name, branch, result) {
  const { updates, objects, bytes, error } = result;
  const refused = updates.filter(({ kind }) => kind === 'rejected');
  const behind = refused.some(({ cause = '' }) => BEHIND.has(cause));
  const unknown = updates.some(({ kind }) => kind === 'unknown');
  return [
    h('ul', { class: 'changes' }, updates.map((update) => row(name, update))),
    objects > 0 && h('p', { class: 'detail' }, `${count(objects, 'object')} sent, ${formatBytes(bytes)}.`),
    behind && h('p', { class: 'warn' }, 'Somebody has pushed to this branch meanwhile. Nothing of theirs was overwritten; bring their commits here, and push again.'),
    error && problem(error),
    unknown && h('p', { class: 'warn' }, 'The server may have taken the push or not. Nothing is sent again by itself.'),
    unknown && h('p', { class: 'actions' }, h('button', { type: 'button', class: 'primary', id: 'ask-outcome', onclick: () => askNow(name, branch, result) }, 'Ask the server')),
    behind && h('p', { class: 'actions' }, h('button', { type: 'button', class: 'primary', id: 'fetch-and-merge', onclick: () => mergeNow(name, branch) }, 'Fetch and merge')),
  ];
}

/** @param {string} name @param {PushUpdate} update */
function row(name, update) {
  const { kind, reason, old, new: now } = update;
  return h(
    'li',
    { class: `change ${kind}`, 'data-ref': update.name, 'data-kind': kind },
    h('span', { class: 'kind' }, kind === 'forced' ? 'forced update' : kind),
    h('span', { class: 'ref', title: update.name }, foreign(shortRev(update.name))),
    h('span', { class: 'range' }, old && h('a', { class: 'oid', href: commitLink(name, old) }, old.slice(0, 8)), old && now && '..', now && h('a', { class: 'oid', href: logLink(name, now) }, now.slice(0, 8))),
    reason && h('span', { class: 'reason' }, foreign(reason)),
  );
}

const FATES = new Map([
  ['applied', 'is on the server'],
  ['not-applied', 'was not taken'],
  ['moved', 'is something else on the server'],
]);

/** Asks what became of a push. @param {string} name @param {string} branch @param {PushResult} result */
function askNow(name, branch, result) {
  return start({
    name,
    title: 'Asking',
    about: [foreign(shortRev(branch))],
    async run(remote) {
      const repo = await repository(name);
      const [fate] = await repo.pushOutcome(result, remote);
      return {
        said: `${shortRev(branch)} ${FATES.get(fate?.fate ?? '') ?? 'is unknown to the server'}`,
        nodes: [fate?.fate !== 'applied' && h('p', { class: 'actions' }, (await pushable(repo, branch)) ?? '')],
        changed: true,
      };
    },
  });
}

/** Fetches, and merges what came into the branch. @param {string} name @param {string} branch */
function mergeNow(name, branch) {
  return start({
    name,
    title: 'Merging',
    about: [foreign(shortRev(branch))],
    async run(remote) {
      const repo = await repository(name);
      // What came first is where it was to be pushed to.
      const { pushed: from } = await remotesOf(repo, branch);
      await repo.fetch({ remote: from, ...remote });
      const theirs = `refs/remotes/${from}/${shortRev(branch)}`;
      const tip = await repo.resolve(branch);
      const author = await knownIdentity(repo);
      const merged = await repo.merge(shortRev(branch), theirs, { author, signal: remote.signal });
      if (merged.kind !== 'conflicts') {
        return {
          said: merged.kind === 'merged' ? `Merged into ${shortRev(branch)}` : `${shortRev(branch)} has what the server has`,
          nodes: [h('p', { class: 'actions' }, (await pushable(repo, branch)) ?? '')],
          changed: true,
        };
      }
      if (!isEmpty(draftOf(name))) {
        return {
          said: `${count(new Set(merged.conflicts.map(({ path }) => path)).size, 'file')} changed on both sides`,
          nodes: [h('p', { class: 'warn' }, 'Nothing is merged yet: your changes that are not committed would be lost. Commit or discard them, and push again.'), h('p', { class: 'actions' }, h('a', { class: 'button primary', href: changesLink(name) }, 'Show the changes'))],
          changed: true,
        };
      }
      const parents = [tip, await repo.resolve(theirs)];
      const left = await editsOf(repo, tip, merged);
      setDraft(name, { branch, tip, parents, message: `Merge ${shortRev(theirs)} into ${shortRev(branch)}`, ...left });
      document.dispatchEvent(new CustomEvent(CHANGED, { detail: name }));
      return {
        said: `${count(left.conflicts.length, 'file')} changed on both sides`,
        nodes: [h('p', {}, 'Nothing is committed yet. Say what each file should be, then commit the merge.'), h('ul', {}, left.conflicts.map((path) => h('li', {}, foreign(path)))), h('p', { class: 'actions' }, h('a', { class: 'button primary', href: changesLink(name) }, 'Resolve them'))],
        changed: true,
      };
    },
  });
}
