// What is measured: each operation, what it needs, and how native git does the same.

import { randomUUID } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { timed } from './native.mjs';

/** @typedef {import('./repositories.mjs').Subject} Subject */

/**
 * @typedef {object} Operation
 * @property {string} id
 * @property {string} title
 * @property {string} call what the client does
 * @property {'clone' | 'store'} needs nothing, or a clone of everything
 * @property {(subject: Subject) => object} args for the client, beside the URL
 * @property {(subject: Subject, url: string) => number} native runs git, and answers milliseconds
 * @property {(subject: Subject) => void} [before] what the server must have; else it has what was cloned
 * @property {boolean} [writes] cannot be done twice
 * @property {(subject: Subject) => boolean} [applies]
 */

/** @param {string[]} options */
const cloning = (options) => (/** @type {Subject} */ subject, /** @type {string} */ url) => {
  const place = path.join(subject.folder, 'cloned-by-git.git');
  const ms = timed([{ args: ['clone', '--bare', '--quiet', ...options, url, place] }]);
  rmSync(place, { recursive: true, force: true });
  return ms;
};

/** @param {(subject: Subject) => string[]} args @param {(subject: Subject) => string} [input] */
const asking = (args, input) => (/** @type {Subject} */ subject) => timed([{ args: ['-C', subject.base, ...args(subject)], input: input?.(subject) }]);

/** @type {Operation[]} */
export const OPERATIONS = [
  { id: 'clone', title: 'clone', call: 'clone', needs: 'clone', args: () => ({}), native: cloning([]) },
  { id: 'depth1', title: 'clone, depth 1', call: 'clone', needs: 'clone', args: () => ({ depth: 1 }), native: cloning(['--depth=1']) },
  { id: 'blobless', title: 'clone, blob:none', call: 'clone', needs: 'clone', args: () => ({ filter: 'blob:none' }), native: cloning(['--filter=blob:none']) },
  { id: 'coldRead', title: 'open and read a file', call: 'coldRead', needs: 'store', args: ({ facts }) => ({ path: facts.file }), native: asking(({ facts }) => ['cat-file', 'blob', `HEAD:${facts.file}`]) },
  { id: 'log', title: 'log of 1 000 commits', call: 'log', needs: 'store', args: () => ({ limit: 1000 }), native: asking(() => ['log', '-1000', '--format=raw', 'HEAD']) },
  { id: 'pathLog', title: 'log of one path', call: 'pathLog', needs: 'store', args: ({ facts }) => ({ path: facts.file }), native: asking(({ facts }) => ['log', '--format=raw', 'HEAD', '--', facts.file]) },
  { id: 'mergeBase', title: 'merge base, far apart', call: 'mergeBase', needs: 'store', args: ({ facts }) => ({ a: facts.head, b: facts.far }), native: asking(({ facts }) => ['merge-base', '--all', facts.head, facts.far]) },
  { id: 'tree', title: 'walk of the tree', call: 'tree', needs: 'store', args: () => ({}), native: asking(() => ['ls-tree', '-r', 'HEAD']) },
  { id: 'blobs', title: 'all files of HEAD', call: 'blobs', needs: 'store', args: ({ facts }) => ({ oids: facts.blobs }), native: asking(() => ['cat-file', '--batch'], (subject) => subject.blobList) },
  { id: 'diff', title: 'diff of two releases', call: 'diff', needs: 'store', args: ({ facts }) => ({ releases: facts.releases }), native: asking(({ facts }) => ['diff-tree', '-r', '-M', ...(facts.releases ?? [])]), applies: ({ facts }) => facts.releases !== undefined },
  {
    id: 'fetch',
    title: 'fetch of 20 commits',
    call: 'fetch',
    needs: 'store',
    writes: true,
    args: () => ({}),
    before: (subject) => subject.serve(subject.grown),
    native(subject, url) {
      subject.serve(subject.base);
      const place = subject.gitClone(url);
      subject.serve(subject.grown);
      return timed([{ args: ['-C', place, 'fetch', '--quiet'] }]);
    },
  },
  {
    id: 'push',
    title: 'commit and push of a file',
    call: 'push',
    needs: 'store',
    writes: true,
    args: ({ facts }) => ({ path: facts.file, branch: facts.branch, content: `something new: ${randomUUID()}\n` }),
    before: (subject) => void subject.serveCopy(),
    native(subject, url) {
      subject.serve(subject.base);
      const place = subject.gitClone(url);
      subject.serveCopy();
      const { path: file, branch, content } = /** @type {any} */ (this.args(subject));
      const stream = path.join(subject.folder, 'commit');
      writeStream(stream, { file, branch, content });
      // The least that git can do: no index, no files.
      return timed([{ args: ['-C', place, 'fast-import', '--quiet'], input: stream }, { args: ['-C', place, 'push', '--quiet', 'origin', branch] }]);
    },
  },
];

/** @param {string} place @param {{ file: string, branch: string, content: string }} commit */
function writeStream(place, { file, branch, content }) {
  const now = Math.floor(Date.now() / 1000);
  const parts = [`commit refs/heads/${branch}`, `committer bench <bench@example.org> ${now} +0000`, 'data 4', 'new', `from refs/heads/${branch}^0`, `M 100644 inline ${JSON.stringify(file)}`, `data ${content.length}`, content];
  writeFileSync(place, `${parts.join('\n')}\n`);
}
