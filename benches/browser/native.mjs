// Native git: run, and timed.

import { execFileSync, spawnSync } from 'node:child_process';
import { openSync, closeSync } from 'node:fs';

export const environment = {
  ...process.env,
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_TERMINAL_PROMPT: '0',
  GIT_AUTHOR_NAME: 'bench',
  GIT_AUTHOR_EMAIL: 'bench@example.org',
  GIT_COMMITTER_NAME: 'bench',
  GIT_COMMITTER_EMAIL: 'bench@example.org',
  LC_ALL: 'C',
};

/** Git's answer, as text without the last line end. @param {string[]} args @param {string} [input] */
export function git(args, input) {
  return execFileSync('git', ['-c', 'safe.directory=*', ...args], { encoding: 'utf8', env: environment, input, maxBuffer: 1 << 30, stdio: ['pipe', 'pipe', 'pipe'] }).trimEnd();
}

/** Git's answer, line by line. @param {string[]} args */
export function lines(args) {
  const answer = git(args);
  return answer ? answer.split('\n') : [];
}

/**
 * Runs git commands one after the other, and answers how long that took in milliseconds, from the
 * start of the first process to the end of the last. What they print goes nowhere.
 * @param {Array<{ args: string[], input?: string }>} commands `input`: a file for standard input
 */
export function timed(commands) {
  const files = commands.map(({ input }) => (input ? openSync(input, 'r') : undefined));
  const start = performance.now();
  for (const [at, { args }] of commands.entries()) {
    const { status, error, stderr } = spawnSync('git', ['-c', 'safe.directory=*', ...args], { env: environment, stdio: [files[at] ?? 'ignore', 'ignore', 'pipe'] });
    if (status !== 0) throw new Error(`git ${args.join(' ')}: ${error ?? stderr}`);
  }
  const ms = performance.now() - start;
  for (const file of files) if (file !== undefined) closeSync(file);
  return ms;
}
