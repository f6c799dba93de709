// Repositories to clone, made by git fast-import with fixed dates and contents, and git's own view
// of them to compare with.

import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const ENVIRONMENT = {
  PATH: process.env.PATH,
  HOME: '/nonexistent',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_TERMINAL_PROMPT: '0',
  LC_ALL: 'C',
};

/** Git's answer, as bytes. @param {string} repository @param {string[]} args @param {{ input?: string | Buffer }} [options] */
export function git(repository, args, { input } = {}) {
  return execFileSync('git', ['-c', 'safe.directory=*', '-C', repository, ...args], { env: ENVIRONMENT, input, maxBuffer: 1 << 30, stdio: ['pipe', 'pipe', 'pipe'] });
}

/** Git's answer, as text without the last line end. @param {string} repository @param {...string} args */
export function gitText(repository, ...args) {
  return git(repository, args).toString().trimEnd();
}

/** A folder for bare repositories that goes away with `remove`. */
export class Repositories {
  folder = mkdtempSync(path.join(tmpdir(), 'gitside-repos-'));

  /** @param {string} name */
  path(name) {
    return path.join(this.folder, `${name}.git`);
  }

  /** Clones from a server with git, to have its view. @param {string} url @param {string} name */
  mirror(url, name) {
    git(this.folder, ['clone', '--quiet', '--mirror', url, `${name}.git`]);
    return this.path(name);
  }

  /** Makes a repository of a fast-import stream. @param {string} name @param {string | Buffer} stream */
  make(name, stream) {
    mkdirSync(this.path(name));
    git(this.path(name), ['init', '--quiet', '--bare', '--template=', '-b', 'main', '.']);
    git(this.path(name), ['fast-import', '--quiet', '--date-format=raw'], { input: stream });
    return this.path(name);
  }

  /** A repository with one commit of one file on its branch main. @param {string} name */
  small(name) {
    const made = this.make(name, '');
    commit(made, 'main', { 'a.txt': 'a\n' });
    return made;
  }

  /**
   * A history of `commits` commits that changes some of `files` text files in folders each time,
   * beside one file of `bytes` bytes that no compression makes smaller.
   * @param {string} name @param {{ commits: number, files: number, bytes?: number }} size
   */
  history(name, { commits, files, bytes = 0 }) {
    const random = randomNumbers(commits * 31 + files);
    const contents = new Map();
    const parts = [];
    for (let commit = 1; commit <= commits; commit += 1) {
      const message = `Change number ${commit}\n`;
      parts.push(`commit refs/heads/main\nmark :${commit}\ncommitter A U Thor <author@example.com> ${1_600_000_000 + commit * 3600} +0200\n${data(message)}`);
      if (commit > 1) parts.push(`from :${commit - 1}\n`);
      const changed = commit === 1 ? files : Math.max(1, Math.floor(files / 20));
      for (let change = 0; change < changed; change += 1) {
        const file = commit === 1 ? change : random() % files;
        const lines = contents.get(file) ?? Array.from({ length: 60 }, (_, line) => `line ${line} of file ${file}: ${random()}`);
        lines[random() % lines.length] = `changed by ${commit}: ${random()}`;
        contents.set(file, lines);
        parts.push(`M 100644 inline dir${file % 7}/sub${file % 3}/file${file}.txt\n${data(`${lines.join('\n')}\n`)}`);
      }
      if (commit === 1 && bytes) {
        const noise = Buffer.alloc(bytes);
        for (let at = 0; at + 4 <= bytes; at += 4) noise.writeUInt32LE(random(), at);
        parts.push('M 100644 inline noise.bin\n', `data ${bytes}\n`, noise, '\n');
      }
    }
    parts.push(`tag v1\nfrom :${commits}\ntagger A U Thor <author@example.com> 1700000000 +0000\n${data('The first version\n')}`);
    const made = this.make(name, Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part))));
    git(made, ['repack', '-adq', '--threads=1']);
    return made;
  }

  remove() {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Everything in a repository, as `{ objects, refs, head }`. @param {string} repository */
export function describe(repository) {
  const objects = gitText(repository, 'cat-file', '--batch-all-objects', '--batch-check=%(objectname)').split('\n');
  const refs = gitText(repository, 'for-each-ref', '--format=%(refname) %(objectname)').split('\n');
  return { objects, refs, head: gitText(repository, 'rev-parse', 'HEAD') };
}

/** Gives a repository a hook. @param {string} repository @param {string} name @param {string} script */
export function hook(repository, name, script) {
  const file = path.join(repository, 'hooks', name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
}

let clock = 1_700_000_000;

/**
 * Commits files on a branch, each commit a minute after the one before, and answers its oid.
 * @param {string} repository @param {string} branch
 * @param {Record<string, string | Buffer>} files by their paths as fast-import takes them
 * @param {string} [from] its parent
 */
export function commit(repository, branch, files, from) {
  clock += 60;
  const parts = [Buffer.from(`commit refs/heads/${branch}\ncommitter A U Thor <author@example.com> ${clock} +0000\n${data(`Change ${Object.keys(files).join()}\n`)}`)];
  if (from) parts.push(Buffer.from(`from ${from}\n`));
  for (const [name, content] of Object.entries(files)) parts.push(Buffer.from(`M 100644 inline ${name}\ndata ${Buffer.byteLength(content)}\n`), Buffer.from(content), Buffer.from('\n'));
  git(repository, ['fast-import', '--quiet', '--force', '--date-format=raw'], { input: Buffer.concat(parts) });
  return gitText(repository, 'rev-parse', `refs/heads/${branch}`);
}

/** A fast-import data command. @param {string} text */
export function data(text) {
  return `data ${Buffer.byteLength(text)}\n${text}\n`;
}

/** Marsaglia's xorshift32: the same numbers every time. @param {number} seed */
function randomNumbers(seed) {
  let state = seed || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}
