// The package, the repositories this page has open, and how their remotes are talked to. Everything
// the viewer knows of Git comes from here.

import { askCredentials } from './credentials.js';
import { open } from '../../pkg/index.js';

export { clone, list, remove, GitError } from '../../pkg/index.js';

/** @typedef {import('../../pkg/index.js').Repository} Repository */

/**
 * A CORS proxy, and whether logins may pass it.
 * @typedef {{ url: string, credentials: boolean }} Proxy
 */

/** @type {Map<string, Promise<Repository>>} */
const opened = new Map();

/** The repository, opened once. @param {string} name @returns {Promise<Repository>} */
export function repository(name) {
  let repo = opened.get(name);
  if (!repo) {
    // Reading may talk to the remote too: a partial clone fetches files when they are opened.
    repo = open(name, { credentials: (challenge) => askCredentials(challenge), ...proxyOption(name) });
    opened.set(name, repo);
    repo.catch(() => opened.delete(name));
  }
  return repo;
}

/** Lets go of a repository: it was deleted, or is to be opened with other options. @param {string} name */
export async function forget(name) {
  const repo = opened.get(name);
  opened.delete(name);
  await (await repo?.catch(() => undefined))?.close();
}

/** @param {string} name */
const proxyKey = (name) => `proxy:${name}`;

/** The proxy that a repository was cloned through. @param {string} name @returns {Proxy | undefined} */
export function proxyOf(name) {
  try {
    const { url, credentials } = JSON.parse(localStorage.getItem(proxyKey(name)) ?? '{}');
    return typeof url === 'string' && url ? { url, credentials: credentials === true } : undefined;
  } catch {
    return undefined;
  }
}

/** @param {string} name @param {Proxy | undefined} proxy */
export function setProxy(name, proxy) {
  if (proxy?.url) localStorage.setItem(proxyKey(name), JSON.stringify(proxy));
  else localStorage.removeItem(proxyKey(name));
}

/** @param {string} name */
export function proxyOption(name) {
  const corsProxy = proxyOf(name);
  return corsProxy ? { corsProxy } : {};
}

/**
 * The object filter that a repository was cloned with ("blob:none"), if it is a partial one.
 * @param {Repository} repo @param {AbortSignal} [signal]
 */
export async function filterOf(repo, signal) {
  const all = await repo.config.all({ signal });
  for (const [key, values] of all) if (/^remote\..*\.partialclonefilter$/s.test(key)) return values.at(-1);
  return undefined;
}

/** The local branch that a revision names. @param {Repository} repo @param {string} rev @param {AbortSignal} [signal] */
export async function localBranch(repo, rev, signal) {
  if (rev.startsWith('refs/heads/')) return rev;
  for await (const ref of repo.refs({ prefix: rev === 'HEAD' ? 'HEAD' : `refs/heads/${rev}`, signal })) {
    if (rev === 'HEAD' && ref.name === 'HEAD') return ref.symbolic;
    if (ref.name === `refs/heads/${rev}`) return ref.name;
  }
  return undefined;
}

/**
 * The remote that a branch is fetched from and the one that it is pushed to, as git finds them where
 * none is named (git-config(1)). Undefined where that is none of the remotes there are, but a URL.
 * @param {Repository} repo @param {string | undefined} branch the full name @param {AbortSignal} [signal]
 */
export async function remotesOf(repo, branch, signal) {
  const all = await repo.config.all({ signal });
  const names = new Set([...all.keys()].flatMap((key) => /^remote\.(.+)\.[^.]*$/s.exec(key)?.[1] ?? []));
  const known = (/** @type {string | undefined} */ name) => (name !== undefined && names.has(name) ? name : undefined);
  const setting = (/** @type {string} */ key) => all.get(key)?.at(-1);
  const own = `branch.${branch?.replace(/^refs\/heads\//, '')}`;
  const [only = 'origin', ...others] = names;
  const fetched = setting(`${own}.remote`) ?? (others.length ? 'origin' : only);
  const pushed = setting(`${own}.pushremote`) ?? setting('remote.pushdefault') ?? fetched;
  return { fetched: known(fetched), pushed: known(pushed) };
}
