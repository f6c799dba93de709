// The address of every state, kept in the fragment so that the page can be served from anywhere.
//
//   #/                                    the stored repositories
//   #/clone?url=U&name=N&depth=D&…        the clone form, filled in (the parameters are `CLONE`'s)
//   #/r/NAME                              a repository, at its HEAD
//   #/r/NAME/tree/REV/PATH                a directory
//   #/r/NAME/blob/REV/PATH?oid=O&lines=L  a file; `oid` where the path is not UTF-8
//   #/r/NAME/log/REV/PATH                 history
//   #/r/NAME/commit/OID                   a commit
//   #/r/NAME/edit/REV/PATH                a file, to be edited
//   #/r/NAME/new/REV/PATH                 a new file in a directory
//   #/r/NAME/changes                      what is edited and not committed yet

/**
 * What the clone form is filled in with. `branch`: the one to begin with; `single`: "1" for only that
 * one, "0" for all; `filter`: an object filter; `tags`: "all" or "none".
 * @typedef {{ url: string, name: string, depth: string, branch: string, single: string, filter: string, tags: string, proxy: string }} CloneRequest
 */
const CLONE = /** @type {const} */ (['url', 'name', 'depth', 'branch', 'single', 'filter', 'tags', 'proxy']);

/**
 * @typedef {{ view: 'home' }
 *   | { view: 'clone' } & CloneRequest
 *   | { view: 'tree' | 'log', name: string, rev: string, path: string }
 *   | { view: 'edit' | 'new', name: string, rev: string, path: string }
 *   | { view: 'blob', name: string, rev: string, path: string, oid: string, lines: string }
 *   | { view: 'commit', name: string, rev: string }
 *   | { view: 'changes', name: string }
 *   | { view: 'unknown' }} Route
 */

/** @param {string} part */
function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return null;
  }
}

/** @param {string} hash @returns {Route} */
export function parse(hash) {
  const [path = '', query = ''] = hash.replace(/^#/, '').split('?', 2);
  const parts = path.split('/').slice(1).map(decode);
  if (parts.includes(null)) return { view: 'unknown' };
  const [first, name, view, rev, ...rest] = /** @type {string[]} */ (parts);
  const params = new URLSearchParams(query);
  /** @param {string} key */
  const param = (key) => params.get(key) ?? '';
  if (first === undefined || first === '') return { view: 'home' };
  if (first === 'clone') return { view: 'clone', .../** @type {CloneRequest} */ (Object.fromEntries(CLONE.map((key) => [key, param(key)]))) };
  if (first !== 'r' || !name) return { view: 'unknown' };
  const inside = rest.filter((part) => part !== '').join('/');
  if (view === undefined || view === '') return { view: 'tree', name, rev: 'HEAD', path: '' };
  if (view === 'changes') return { view, name };
  if (!rev) return { view: 'unknown' };
  if (view === 'tree' || view === 'log' || view === 'edit' || view === 'new') return { view, name, rev, path: inside };
  if (view === 'blob') return { view, name, rev, path: inside, oid: param('oid'), lines: param('lines') };
  if (view === 'commit') return { view, name, rev };
  return { view: 'unknown' };
}

/** @param {Route} route */
export function format(route) {
  const encode = encodeURIComponent;
  switch (route.view) {
    case 'clone':
      return cloneLink(route);
    case 'tree':
    case 'log':
    case 'edit':
    case 'new':
    case 'blob': {
      const path = route.path ? `/${route.path.split('/').map(encode).join('/')}` : '';
      const params = new URLSearchParams();
      if (route.view === 'blob' && route.oid) params.set('oid', route.oid);
      if (route.view === 'blob' && route.lines) params.set('lines', route.lines);
      return `#/r/${encode(route.name)}/${route.view}/${encode(route.rev)}${path}${params.size ? `?${params}` : ''}`;
    }
    case 'commit':
      return `#/r/${encode(route.name)}/commit/${encode(route.rev)}`;
    case 'changes':
      return `#/r/${encode(route.name)}/changes`;
    default:
      return '#/';
  }
}

/** @param {Partial<CloneRequest>} given */
export function cloneLink(given) {
  const params = new URLSearchParams(CLONE.flatMap((key) => (given[key] ? [[key, given[key]]] : [])));
  return params.size ? `#/clone?${params}` : '#/clone';
}

/** @param {string} name @param {string} rev @param {string} [path] */
export const treeLink = (name, rev, path = '') => format({ view: 'tree', name, rev, path });
/** @param {string} name @param {string} rev @param {string} path @param {string} [oid] */
export const blobLink = (name, rev, path, oid = '') => format({ view: 'blob', name, rev, path, oid, lines: '' });
/** @param {string} name @param {string} rev @param {string} [path] */
export const logLink = (name, rev, path = '') => format({ view: 'log', name, rev, path });
/** @param {string} name @param {string} rev */
export const commitLink = (name, rev) => format({ view: 'commit', name, rev });
/** @param {string} name @param {string} rev @param {string} path */
export const editLink = (name, rev, path) => format({ view: 'edit', name, rev, path });
/** @param {string} name @param {string} rev @param {string} [path] of the directory */
export const newLink = (name, rev, path = '') => format({ view: 'new', name, rev, path });
/** @param {string} name */
export const changesLink = (name) => format({ view: 'changes', name });
