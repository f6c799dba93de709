// What is cloned, and what a clone of it must answer: facts that git is asked before anything is
// measured, so that no client is timed doing something else.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { git, lines } from './native.mjs';

/** Commits that a fetch brings. */
export const NEW_COMMITS = 20;

/**
 * @typedef {object} Facts
 * @property {string} head of the default branch
 * @property {string} branch its name, without refs/heads/
 * @property {string} file a text file of 4 to 64 KiB, two directories deep
 * @property {string} fileOid
 * @property {number} fileSize
 * @property {[string, string] | undefined} releases two tags
 * @property {string} far a commit that has little in common with the head
 * @property {string[]} blobs the oids of the head's files, each once
 * @property {Record<string, string>} expected what each operation answers, in a word
 */

/** Makes, or finds made, generated repositories. @param {string[]} sizes @param {string} seed */
export function generated(sizes, seed) {
  const { GITSIDE_PROJECT: program, GITSIDE_PROJECTS: folder } = process.env;
  if (!program || !folder) throw new Error('cargo xtask bench says where generated repositories are');
  const told = execFileSync(program, ['--seed', seed, folder, ...sizes], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  return told.trim().split('\n').map((line, at) => {
    const [place = '', shape = ''] = line.split('\t');
    return { name: `${Number(sizes[at]).toLocaleString('en').replaceAll(',', ' ')} objects`, place, shape, hosted: true };
  });
}

/** A repository of this machine. @param {string} given PATH or NAME=PATH */
export function local(given) {
  const [name, place] = /^([^/=]+)=(.+)$/s.exec(given)?.slice(1) ?? [];
  const folder = path.resolve(place ?? given);
  if (!existsSync(folder)) throw new Error(`there is no ${folder}`);
  return { name: name ?? path.basename(folder).replace(/\.git$/, ''), place: folder, shape: '', hosted: false };
}

/** One repository as it is served, in a folder of its own. */
export class Subject {
  /** @param {string} work @param {string} id @param {{ name: string, place: string, shape: string, hosted: boolean }} chosen */
  constructor(work, id, { name, place, shape, hosted }) {
    this.name = name;
    this.id = id;
    this.folder = path.join(work, id);
    this.base = path.join(this.folder, 'base.git');
    this.grown = path.join(this.folder, 'grown.git');
    this.clone = path.join(this.folder, 'by-git');
    this.served = path.join(work, 'served', `${id}.git`);
    mkdirSync(this.folder, { recursive: true });
    mkdirSync(path.dirname(this.served), { recursive: true });
    if (hosted) symlinkSync(place, this.base);
    else host(place, this.base);
    this.shape = shape;
    this.facts = facts(this.base, path.join(this.folder, 'blobs'));
    copy(this.base, this.grown);
    grow(this.grown, this.facts);
    this.serve(this.base);
  }

  /** Its oids, one a line. */
  get blobList() {
    return path.join(this.folder, 'blobs');
  }

  /** What is at the URL from now on. @param {string} place */
  serve(place) {
    symlinkSync(place, `${this.served}.new`);
    renameSync(`${this.served}.new`, this.served);
  }

  /** Serves a copy that may be pushed to. */
  serveCopy() {
    const place = path.join(this.folder, 'pushed-to.git');
    rmSync(place, { recursive: true, force: true });
    copy(this.base, place);
    this.serve(place);
    return place;
  }

  /** A copy of the clone that git made. @param {string} url */
  gitClone(url) {
    if (!existsSync(this.clone)) {
      git(['clone', '--quiet', '--no-checkout', url, this.clone]);
      for (const key of ['gc.auto=0', 'maintenance.auto=false']) git(['-C', this.clone, 'config', ...key.split('=')]);
    }
    const place = path.join(this.folder, 'by-git-copy');
    rmSync(place, { recursive: true, force: true });
    copy(this.clone, place);
    return place;
  }
}

/** @param {string} from @param {string} to */
export function copy(from, to) {
  execFileSync('cp', ['-r', '--reflink=auto', `${from}/.`, to]);
}

/** A copy of any repository, packed as hosts do. @param {string} from @param {string} to */
function host(from, to) {
  git(['clone', '--quiet', '--mirror', from, to]);
  git(['-C', to, 'repack', '-adq', '--write-bitmap-index']);
  git(['-C', to, 'commit-graph', 'write', '--reachable', '--changed-paths', '--no-progress']);
}

/** @param {string} place @param {string} blobList @returns {Facts} */
function facts(place, blobList) {
  const at = (/** @type {string[]} */ ...args) => git(['-C', place, ...args]);
  const many = (/** @type {string[]} */ ...args) => lines(['-C', place, ...args]);
  const head = at('rev-parse', 'HEAD');
  const branch = at('symbolic-ref', '--short', 'HEAD');
  const entries = many('ls-tree', '-r', '-l', '--full-tree', 'HEAD').map((line) => {
    const [about = '', file = ''] = line.split('\t');
    const [mode, type, oid = '', size] = about.split(/ +/);
    return { mode, type, oid, size: Number(size), file };
  });
  const blobs = [...new Set(entries.filter(({ type }) => type === 'blob').map(({ oid }) => oid))];
  writeFileSync(blobList, `${blobs.join('\n')}\n`);
  const sizes = new Map(entries.map(({ oid, size }) => [oid, size]));
  const total = blobs.reduce((sum, oid) => sum + (sizes.get(oid) ?? 0), 0);
  const file = textFile(place, entries);
  const releases = twoReleases(many('for-each-ref', '--sort=-creatordate', '--format=%(refname:short)', 'refs/tags'));
  const apart = many('for-each-ref', '--no-merged=HEAD', '--sort=committerdate', '--count=1', '--format=%(objectname)', 'refs/heads');
  const far = apart[0] ?? many('rev-list', '--max-parents=0', 'HEAD')[0] ?? head;
  const log = many('log', '-1000', '--format=%H', 'HEAD');
  const pathLog = many('log', '--format=%H', 'HEAD', '--', file.file);
  const expected = {
    read: `${file.size}`,
    log: `${log.length} ${log.at(-1)}`,
    pathLog: `${pathLog.length} ${pathLog.at(-1)}`,
    mergeBase: many('merge-base', '--all', head, far).sort().join(' '),
    tree: `${entries.length}`,
    blobs: `${blobs.length} ${total}`,
    ...(releases ? { diff: `${many('diff-tree', '-r', '-M', ...releases).length}` } : {}),
  };
  return { head, branch, file: file.file, fileOid: file.oid, fileSize: file.size, releases, far, blobs, expected };
}

/**
 * The one in the middle, by size, of the text files two directories deep.
 * @param {string} place
 * @param {Array<{ mode: string | undefined, oid: string, size: number, file: string }>} entries
 */
function textFile(place, entries) {
  const isText = (/** @type {string} */ oid) => !execFileSync('git', ['-C', place, 'cat-file', 'blob', oid], { maxBuffer: 1 << 20 }).includes(0);
  const plain = entries.filter(({ mode, size }) => mode === '100644' && size >= 4096 && size < 65536).sort((a, b) => a.size - b.size);
  const deep = plain.filter(({ file }) => file.split('/').length === 3);
  for (const candidates of [deep, plain, entries]) {
    const found = candidates.slice(candidates.length >> 1).find(({ oid }) => isText(oid));
    if (found) return found;
  }
  throw new Error(`${place} has no text file`);
}

/** The newest tag, and the fourth before it. @param {string[]} tags @returns {[string, string] | undefined} */
function twoReleases(tags) {
  const [newest, older] = [tags[0], tags[Math.min(4, tags.length - 1)]];
  return newest && older && newest !== older ? [older, newest] : undefined;
}

/** New commits on the default branch, each of which changes a text file. @param {string} place @param {Facts} facts */
function grow(place, { branch, file }) {
  const date = Number(git(['-C', place, 'log', '-1', '--format=%ct', 'HEAD']));
  const text = git(['-C', place, 'cat-file', 'blob', `HEAD:${file}`]);
  const stream = [];
  for (let n = 1; n <= NEW_COMMITS; n += 1) {
    const content = `${text}\nnew line ${n}\n`;
    stream.push(`commit refs/heads/${branch}`, `committer bench <bench@example.org> ${date + n * 60} +0000`, 'data 4', 'new', ...(n === 1 ? [`from refs/heads/${branch}^0`] : []));
    stream.push(`M 100644 inline ${JSON.stringify(file)}`, `data ${Buffer.byteLength(content)}`, content);
  }
  git(['-C', place, 'fast-import', '--quiet'], `${stream.join('\n')}\n`);
}
