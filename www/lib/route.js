// The address of every state, kept in the fragment so that the page can be served from anywhere.
//
//   #/                                    the stored repositories
//   #/clone?url=U&name=N&depth=D&proxy=P   the clone form, filled in
//   #/r/NAME                              a repository, at its HEAD
//   #/r/NAME/tree/REV/PATH                a directory
//   #/r/NAME/blob/REV/PATH?oid=O&lines=L  a file; `oid` where the path is not UTF-8
//   #/r/NAME/log/REV/PATH                 history
//   #/r/NAME/commit/OID                   a commit

/**
 * @typedef {{ view: 'home' }
 *   | { view: 'clone', url: string, name: string, depth: string, proxy: string }
 *   | { view: 'tree' | 'log', name: string, rev: string, path: string }
 *   | { view: 'blob', name: string, rev: string, path: string, oid: string, lines: string }
 *   | { view: 'commit', name: string, rev: string }
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
  if (first === 'clone') return { view: 'clone', url: param('url'), name: param('name'), depth: param('depth'), proxy: param('proxy') };
  if (first !== 'r' || !name) return { view: 'unknown' };
  const inside = rest.filter((part) => part !== '').join('/');
  if (view === undefined || view === '') return { view: 'tree', name, rev: 'HEAD', path: '' };
  if (!rev) return { view: 'unknown' };
  if (view === 'tree' || view === 'log') return { view, name, rev, path: inside };
  if (view === 'blob') return { view, name, rev, path: inside, oid: param('oid'), lines: param('lines') };
  if (view === 'commit') return { view, name, rev };
  return { view: 'unknown' };
}

/** @param {Route} route */
export function format(route) {
  const encode = encodeURIComponent;
  switch (route.view) {
    case 'clone': {
      const { url, name, depth, proxy } = route;
      const params = new URLSearchParams(Object.entries({ url, name, depth, proxy }).filter(([, value]) => value));
      return params.size ? `#/clone?${params}` : '#/clone';
    }
    case 'tree':
    case 'log':
    case 'blob': {
      const path = route.path ? `/${route.path.split('/').map(encode).join('/')}` : '';
      const params = new URLSearchParams();
      if (route.view === 'blob' && route.oid) params.set('oid', route.oid);
      if (route.view === 'blob' && route.lines) params.set('lines', route.lines);
      return `#/r/${encode(route.name)}/${route.view}/${encode(route.rev)}${path}${params.size ? `?${params}` : ''}`;
    }
    case 'commit':
      return `#/r/${encode(route.name)}/commit/${encode(route.rev)}`;
    default:
      return '#/';
  }
}

/** @param {string} name @param {string} rev @param {string} [path] */
export const treeLink = (name, rev, path = '') => format({ view: 'tree', name, rev, path });
/** @param {string} name @param {string} rev @param {string} path @param {string} [oid] */
export const blobLink = (name, rev, path, oid = '') => format({ view: 'blob', name, rev, path, oid, lines: '' });
/** @param {string} name @param {string} rev @param {string} [path] */
export const logLink = (name, rev, path = '') => format({ view: 'log', name, rev, path });
/** @param {string} name @param {string} rev */
export const commitLink = (name, rev) => format({ view: 'commit', name, rev });
