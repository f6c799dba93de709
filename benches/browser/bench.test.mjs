// The suite as it is run, on a repository that is soon cloned.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { Repositories } from '../../tests/e2e/support/repos.mjs';

/** One of each kind: it clones, opens, reads, writes. */
const ONLY = ['clone', 'coldRead', 'blobs', 'push'];

test('operations are measured in every way, and answer what git does', () => {
  const repositories = new Repositories();
  const folder = mkdtempSync(path.join(tmpdir(), 'gitside-bench-test-'));
  try {
    const repository = repositories.history('small', { commits: 30, files: 40 });
    const json = path.join(folder, 'figures.json');
    const suite = fileURLToPath(new URL('bench.mjs', import.meta.url));
    execFileSync(process.execPath, [suite, '--repo', `small=${repository}`, '--pairs', '1', '--only', ONLY.join(), '--json', json], { stdio: ['ignore', 'pipe', 'pipe'] });
    const { results } = JSON.parse(readFileSync(json, 'utf8'));
    const { name, reads, sides } = results[0];
    assert.equal(name, 'small');
    assert.ok(reads.rows > 0 && reads.warm > 0);
    for (const id of ONLY) {
      const { samples, memory, tasks, tasksHere } = sides.gitside[id];
      assert.ok(samples[0].ms > 0 && memory[0] > 0 && tasks[0] > 0 && tasksHere[0] > 0, id);
      assert.ok(sides.git[id].samples[0].ms > 0, id);
    }
    assert.ok(sides.gitside.clone.samples[0].stored > 0);
    assert.ok(sides.gitside.clone.samples[0].requests >= 2);
  } finally {
    repositories.remove();
    rmSync(folder, { recursive: true, force: true });
  }
});
