// What the benchmarks compute from what they measured.

import assert from 'node:assert/strict';
import test from 'node:test';
import { duration, mebibytes, median, ratio, table } from './figures.mjs';
import { among, beside } from './report.mjs';
import { longestTasks } from './trace.mjs';

test('a median is the middle one, or the mean of the two in the middle', () => {
  assert.equal(median([9, 1, 5]), 5);
  assert.equal(median([4, 1, 100, 2]), 3);
  assert.ok(Number.isNaN(median([])));
});

test('figures are told with as many digits as mean something, and what is missing as a dash', () => {
  assert.deepEqual([0.123, 9.99, 10.4, 9999, 10_000].map(duration), ['0.1 ms', '10.0 ms', '10 ms', '9999 ms', '10.0 s']);
  assert.deepEqual([duration(undefined), ratio(1, undefined), ratio(0, 0), mebibytes(undefined)], ['–', '–', '–', '–']);
  assert.deepEqual([ratio(3, 2), mebibytes(1572864), mebibytes(104857600)], ['1.50', '1.5', '100']);
});

test('a table is Markdown whose columns are as wide as their widest cell', () => {
  const rows = [['what', 'ms'], ['a long name', '1'], ['b', '12345']];
  assert.equal(table(rows), ['| what        |    ms |', '|-------------|------:|', '| a long name |     1 |', '| b           | 12345 |'].join('\n'));
});

test('the longest tasks are those of the main thread of the process that shows the page', () => {
  const task = (/** @type {number} */ pid, /** @type {number} */ tid, /** @type {number} */ tdur) => ({ name: 'RunTask', ph: 'X', pid, tid, ts: 0, dur: tdur * 2, tdur });
  const thread = (/** @type {number} */ pid, /** @type {number} */ tid, /** @type {string} */ name) => ({ name: 'thread_name', ph: 'M', pid, tid, ts: 0, args: { name } });
  const started = { name: 'TracingStartedInBrowser', ph: 'I', pid: 1, tid: 1, ts: 0, args: { data: { frames: [{ url: 'about:blank', processId: 3 }, { url: 'http://page/', processId: 2 }] } } };
  const threads = [thread(2, 20, 'CrRendererMain'), thread(2, 21, 'DedicatedWorker thread'), thread(3, 30, 'CrRendererMain')];
  const tasks = [task(2, 20, 5000), task(2, 21, 90_000), task(3, 30, 80_000), task(2, 20, 17_500), task(2, 20, 100), task(2, 20, 200), { ...task(2, 20, 0), tdur: undefined }];
  assert.deepEqual(longestTasks([started, ...threads, ...tasks], 'http://page/'), [17.5, 5, 0.2]);
  assert.throws(() => longestTasks(threads, 'http://page/'), /no process/);
  const watching = { ...task(2, 20, 10_000), name: 'ResponseBodyLoader::DidFinishLoadingBody', ts: 50 };
  const busy = { ...task(2, 20, 12_000), ts: 40 };
  assert.deepEqual(longestTasks([started, ...threads, busy, watching, { ...task(2, 20, 3000), ts: 30_000 }], 'http://page/'), [3, 2]);
});

test('a report tells medians, ratios to git, the worst of what must not be exceeded, and why there is nothing', () => {
  const result = {
    name: 'small',
    shape: '3 objects',
    reads: { rows: 14, requests: 9, warm: 1.25 },
    sides: {
      git: { clone: { samples: [{ ms: 100 }, { ms: 300 }, { ms: 200 }] }, log: { samples: [{ ms: 50 }] } },
      gitside: {
        clone: { samples: [{ ms: 160, requests: 3, down: 2097152, stored: 1048576 }], memory: [3145728, 10485760], tasks: [4, 2], tasksHere: [15.5], aborts: [3, 40, 7] },
        log: { samples: [{ ms: 100, again: 25, requests: 0, down: 0 }] },
      },
      other: { clone: { samples: [], failed: 'crashed' } },
    },
  };
  const cells = (/** @type {string} */ text, /** @type {string} */ row) => text.split('\n').find((line) => line.startsWith(`| ${row} `))?.split('|').slice(2, -1).map((cell) => cell.trim());
  assert.deepEqual(cells(beside(result), 'clone'), ['200 ms', '160 ms', '0.80', '–', '–', '3', '2.0', '10', '4.0', '15.5', '40']);
  assert.deepEqual(cells(beside(result), 'log of 1 000 commits'), ['50 ms', '100 ms', '2.00', '25 ms', '0.50', '–', '–', '–', '–', '–', '–']);
  assert.match(beside(result), /Stored: 1\.0 MiB\. Cold read: 14 rows in 9 requests/);
  assert.deepEqual(cells(among(result), 'clone'), ['200 ms', '160 ms', 'crashed']);
  assert.deepEqual(cells(among(result), 'stored MiB'), ['–', '1.0', '–']);
});
