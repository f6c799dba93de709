// Changing a repository through the page: edit, compare, commit, push; new files, uploads, renames,
// deletions; drafts that outlive the page; branches that moved, here and on the server.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Browser } from './support/browser.mjs';
import { cloneAndDescribe, prepare } from './support/client.mjs';
import { commit, git, gitText, hook, Repositories } from './support/repos.mjs';
import { startServer } from './support/server.mjs';

/** @typedef {import('playwright-core').Page} Page */

/** @type {Awaited<ReturnType<typeof startServer>>} */ let server;
/** @type {Browser} */ let browser;
const repositories = new Repositories();

before(async () => {
  server = await startServer({ git: repositories.folder, more: ['--auth', 'me:secret', '--git', `/private=${repositories.folder}`] });
  browser = await Browser.start();
});

after(async () => {
  await server?.stop();
  repositories.remove();
  await browser?.stop();
});

const LINES = Array.from({ length: 40 }, (_, at) => `line ${at + 1}\n`).join('');

/** A repository on the server, and its clone in the browser. @param {string} name @param {string} [mount] */
async function cloned(name, mount = 'test') {
  const where = repositories.make(name, '');
  commit(where, 'main', { 'README.md': `# ${name}\n`, 'src/lines.txt': LINES, 'src/deep/b.txt': 'b\n' });
  const page = await browser.page(server.url('/e2e/blank.html'));
  await prepare(page);
  await cloneAndDescribe(page, server.url(`/test/${name}.git`), name, {});
  if (mount !== 'test') await page.evaluate(async ([name, url]) => {
    const repo = await /** @type {any} */ (globalThis).t.gitside.open(name);
    await repo.remotes.set('origin', url);
    await repo.close();
  }, [name, server.url(`/${mount}/${name}.git`)]);
  await page.close();
  return where;
}

/** @param {string} where @param {{ expected?: RegExp }} [options] */
async function visit(where, options) {
  const page = await browser.page(server.url(`/#/r/${where}`), options);
  await page.locator('main[data-ready]').waitFor();
  return page;
}

/** Writes text over the file that is edited, and keeps it. @param {Page} page @param {string} text */
async function type(page, text) {
  await page.locator('#edit-text').fill(text);
  await page.locator('#keep').click();
  await page.locator('#commit-form').waitFor();
}

/** Fills the form in and commits. @param {Page} page @param {string} message */
async function commitHere(page, message) {
  await page.locator('#message').fill(message);
  await page.getByLabel('Your name').fill('Ada Writer');
  await page.getByLabel('Your e-mail address').fill('ada@example.org');
  await page.locator('#commit-changes').click();
}

/** @param {Page} page @param {string} [state] */
async function ended(page, state = 'done') {
  const job = page.locator('.job:not(.running)');
  await job.waitFor();
  assert.equal(await job.getAttribute('data-state'), state, await job.innerText());
  return job.locator('h2').first().innerText();
}

test('a file is edited, compared, committed and pushed, and the server has it', async () => {
  const where = await cloned('edited');
  const page = await visit('edited/blob/HEAD/src/lines.txt');
  await page.locator('#edit').click();
  await type(page, LINES.replace('line 20\n', 'line twenty\n'));

  const file = page.locator('.edit[data-path="src/lines.txt"]');
  await file.locator('.removed .text').waitFor();
  assert.equal((await file.locator('.removed .text bdi').innerText()).trim(), 'line 20');
  assert.equal((await file.locator('.added .text bdi').innerText()).trim(), 'line twenty');
  assert.equal(await file.locator('tr.hunk').innerText(), '@@ -17,7 +17,7 @@');

  await commitHere(page, 'Write a number as a word\n\nIt reads better.');
  await page.locator('#committed').waitFor();
  await page.locator('#committed .push').click();
  assert.equal(await ended(page), 'main is on the server');

  const log = gitText(where, 'log', '-p', '-1', '--format=%an <%ae>%n%cn <%ce>%n%B', 'main');
  for (const said of ['Ada Writer <ada@example.org>', 'Write a number as a word\n\nIt reads better.\n', '-line 20\n', '+line twenty\n']) assert.ok(log.includes(said), log);
  git(where, ['fsck', '--full', '--strict']);
  await page.close();
});

test('of two who push, the second is told, merges, and pushes again', async () => {
  const where = await cloned('raced');
  const first = gitText(where, 'rev-parse', 'main');
  const page = await visit('raced/edit/HEAD/src/lines.txt');
  await type(page, LINES.replace('line 2\n', 'line two\n'));
  await commitHere(page, 'Mine');
  commit(where, 'main', { 'src/lines.txt': LINES.replace('line 39\n', 'line thirty-nine\n') }, first);
  await page.locator('#committed .push').click();
  assert.equal(await ended(page), 'main was not taken');
  assert.match(await page.locator('.job .reason').innerText(), /fetch first/);
  assert.equal(gitText(where, 'log', '-1', '--format=%s', 'main'), 'Change src/lines.txt', 'nothing was overwritten');

  await page.locator('#fetch-and-merge').click();
  await page.locator('.job.done').getByText('Merged into main').waitFor();
  await page.locator('.job .push').click();
  await page.locator('.job.done').getByText('main is on the server').waitFor();
  assert.equal(gitText(where, 'rev-list', '--count', '--merges', 'main'), '1');
  const merged = gitText(where, 'cat-file', '-p', 'main:src/lines.txt');
  assert.ok(merged.includes('line two\n') && merged.includes('line thirty-nine\n'), merged);
  await page.close();
});

test('changes of the same line are shown as a conflict, resolved, and pushed as a merge', async () => {
  const where = await cloned('conflicting');
  const first = gitText(where, 'rev-parse', 'main');
  const page = await visit('conflicting/edit/HEAD/src/lines.txt');
  await type(page, LINES.replace('line 5\n', 'line five\n'));
  await commitHere(page, 'Mine');
  commit(where, 'main', { 'src/lines.txt': LINES.replace('line 5\n', 'line V\n') }, first);
  await page.locator('#committed .push').click();
  await page.locator('#fetch-and-merge').click();
  await page.locator('.job.done').getByText('1 file changed on both sides').waitFor();
  await page.getByRole('link', { name: 'Resolve them' }).click();
  await page.locator('#unresolved').waitFor();
  assert.equal(await page.locator('#commit-changes').isDisabled(), true);
  await page.getByRole('link', { name: 'Edit src/lines.txt' }).click();
  await page.locator('#edit-text').waitFor();
  const marked = await page.locator('#edit-text').inputValue();
  assert.match(marked, /<<<<<<< main\nline five\n=======\nline V\n>>>>>>> /);
  await type(page, LINES.replace('line 5\n', 'line five (V)\n'));
  await page.locator('#unresolved').waitFor({ state: 'detached' });
  await page.locator('#commit-changes').click();
  await page.locator('#committed .push').click();
  await page.locator('.job.done').getByText('main is on the server').waitFor();
  assert.equal(gitText(where, 'rev-list', '--count', '--merges', 'main'), '1');
  assert.ok(gitText(where, 'cat-file', '-p', 'main:src/lines.txt').includes('line five (V)\n'));
  await page.close();
});

test('files are added, uploaded, renamed and deleted, and all of it is one commit', async () => {
  const where = await cloned('many');
  const page = await visit('many/tree/HEAD/src');
  await page.locator('#new-file').click();
  await page.locator('#edit-path').fill('src/new/fresh.txt');
  await type(page, 'fresh\n');
  await page.locator('.edit[data-path="src/new/fresh.txt"] .added').waitFor();

  await page.goto(server.url('/#/r/many/tree/HEAD/src'));
  const chooser = page.waitForEvent('filechooser');
  await page.locator('#upload').click();
  await (await chooser).setFiles([{ name: 'data.bin', mimeType: 'application/octet-stream', buffer: Buffer.from([0, 1, 2, 255]) }]);
  await page.locator('.edit[data-path="src/data.bin"]').waitFor();

  await page.goto(server.url('/#/r/many/blob/HEAD/README.md'));
  await page.locator('#rename').click();
  await page.getByLabel('New path').fill('docs/READ ME.md');
  await page.locator('#renaming').getByRole('button', { name: 'Rename', exact: true }).click();
  await page.locator('.edit[data-path="docs/READ ME.md"]').waitFor();

  await page.goto(server.url('/#/r/many/blob/HEAD/src/deep/b.txt'));
  await page.locator('#delete').click();
  await page.locator('.edit.deleted[data-path="src/deep/b.txt"]').waitFor();

  // A draft outlives the page.
  await page.reload();
  await page.locator('#commit-form').waitFor();
  await commitHere(page, 'Tidy');
  await page.locator('#committed .push').click();
  await page.locator('.job.done').getByText('main is on the server').waitFor();
  assert.deepEqual(gitText(where, 'diff-tree', '-r', '--no-commit-id', '--name-status', '-M', 'main').split('\n').sort(), ['A\tsrc/data.bin', 'A\tsrc/new/fresh.txt', 'D\tsrc/deep/b.txt', 'R100\tREADME.md\tdocs/READ ME.md']);
  assert.deepEqual(git(where, ['cat-file', 'blob', 'main:src/data.bin']), Buffer.from([0, 1, 2, 255]));
  await page.close();
});

test('a branch that moved while it was edited is not overwritten, and the change goes on top', async () => {
  await cloned('moved');
  const page = await visit('moved/edit/HEAD/src/lines.txt');
  await type(page, LINES.replace('line 7\n', 'line seven\n'));
  const other = await browser.page(server.url('/e2e/blank.html'));
  await prepare(other);
  const theirs = await other.evaluate(async () => {
    const repo = await /** @type {any} */ (globalThis).t.gitside.open('moved');
    const oid = await repo.commit('main', { message: 'Theirs', author: { name: 'B', email: 'b@example.com' }, changes: [{ path: 'other.txt', content: 'other\n' }] });
    await repo.close();
    return oid;
  });
  await commitHere(page, 'Mine');
  await page.locator('#moved').waitFor();
  await page.locator('#moved').getByText('Theirs', { exact: true }).waitFor();
  await page.locator('#on-top').click();
  await page.locator('#committed').waitFor();
  const chain = await other.evaluate(async () => {
    const repo = await /** @type {any} */ (globalThis).t.gitside.open('moved');
    const commit = await repo.readCommit('main');
    const files = await Promise.all(['other.txt', 'src/lines.txt'].map(async (path) => (await repo.blob('main', path)).text()));
    await repo.close();
    return { parents: commit.parents, message: commit.message, files };
  });
  assert.deepEqual(chain, { parents: [theirs], message: 'Mine\n', files: ['other\n', LINES.replace('line 7\n', 'line seven\n')] });
  await other.close();
  await page.close();
});

test('what the server’s hook says is shown, and the refused branch stays to be pushed', async () => {
  const where = await cloned('hooked');
  hook(where, 'pre-receive', 'echo "Only on Fridays, please" >&2\nexit 1');
  const page = await visit('hooked/edit/HEAD/README.md');
  await type(page, '# changed\n');
  await commitHere(page, 'Try');
  await page.locator('#committed .push').click();
  assert.equal(await ended(page), 'main was not taken');
  await page.locator('.job summary').getByText('What the server said').click();
  await page.locator('.job .messages').getByText('Only on Fridays, please').waitFor();
  assert.match(await page.locator('.job .reason').innerText(), /pre-receive hook declined/);
  await page.goto(server.url('/#/r/hooked/tree/HEAD'));
  await page.getByRole('button', { name: 'Push 1 commit' }).waitFor();
  await page.close();
});

test('a push that needs a login asks for it', async () => {
  const where = await cloned('guarded', 'private');
  const page = await visit('guarded/edit/HEAD/README.md', { expected: /401|Unauthorized/ });
  await type(page, '# changed\n');
  await commitHere(page, 'With a login');
  await page.locator('#committed .push').click();
  await page.getByLabel('User name').fill('me');
  await page.getByLabel('Password or token').fill('secret');
  await page.getByRole('button', { name: 'Log in' }).click();
  assert.equal(await ended(page), 'main is on the server');
  assert.equal(gitText(where, 'log', '-1', '--format=%s', 'main'), 'With a login');
  await page.close();
});

test('what cannot be edited as text says why, and names that cannot be are refused', async () => {
  const where = await cloned('odd');
  git(where, ['update-ref', 'refs/heads/other', 'main']);
  const page = await visit('odd/new/HEAD');
  await page.locator('#edit-path').fill('a/.git/config');
  await page.locator('#edit-text').fill('x');
  await page.locator('#keep').click();
  assert.match(await page.locator('#edit-path').evaluate((input) => /** @type {HTMLInputElement} */ (input).validationMessage), /\.git/);
  await page.locator('#edit-path').fill('src/lines.txt');
  await page.locator('#keep').click();
  await page.waitForFunction(() => /already/.test(/** @type {HTMLInputElement} */ (document.getElementById('edit-path')).validationMessage));
  // A branch of the server's is no place for a commit of one's own.
  await page.locator('#cancel-edit').click();
  await page.goto(server.url('/#/r/odd/edit/refs%2Fremotes%2Forigin%2Fmain/README.md'));
  await page.locator('#branch-needed').waitFor();
  await page.getByLabel('Name of the branch').fill('topic');
  await page.getByRole('button', { name: 'Create the branch' }).click();
  await type(page, '# on a topic\n');
  await commitHere(page, 'On a branch of its own');
  await page.locator('#committed .push').click();
  await page.locator('.job.done').getByText('topic is on the server').waitFor();
  assert.equal(gitText(where, 'cat-file', '-p', 'topic:README.md'), '# on a topic');
  const merge = await page.evaluate(async () => {
    const { open } = await import(/** @type {any} */ ('/pkg/index.js'));
    const repo = await open('odd');
    return repo.config.get('branch.topic.merge');
  });
  assert.equal(merge, 'refs/heads/topic', 'it follows what it was pushed to');
  await page.close();
});

test('two tabs add to one draft, and what is committed is what was seen', async () => {
  const where = await cloned('tabs');
  const first = await visit('tabs/edit/HEAD/src/lines.txt');
  const second = await visit('tabs/edit/HEAD/README.md');
  await type(first, LINES.replace('line 3\n', 'line three\n'));
  // Its page was drawn before there was a draft.
  await type(second, '# from the second\n');
  await second.locator('.edit[data-path="src/lines.txt"]').waitFor();
  await second.locator('.edit[data-path="README.md"]').waitFor();

  // The first tab shows one of the two.
  await commitHere(first, 'Both');
  await first.locator('.edit[data-path="README.md"]').waitFor();
  assert.equal(await first.locator('#message').inputValue(), 'Both');
  await commitHere(first, 'Both');
  await first.locator('#committed .push').click();
  await first.locator('.job.done').getByText('main is on the server').waitFor();
  assert.deepEqual(gitText(where, 'diff-tree', '-r', '--no-commit-id', '--name-only', 'main').split('\n'), ['README.md', 'src/lines.txt']);
  await second.close();
  await first.close();
});

test('a merge with conflicts does not take the place of changes that are not committed', async () => {
  const where = await cloned('waiting');
  const first = gitText(where, 'rev-parse', 'main');
  const page = await visit('waiting/edit/HEAD/src/lines.txt');
  await type(page, LINES.replace('line 5\n', 'line five\n'));
  await commitHere(page, 'Mine');
  await page.locator('#committed').waitFor();
  commit(where, 'main', { 'src/lines.txt': LINES.replace('line 5\n', 'line V\n') }, first);
  await page.goto(server.url('/#/r/waiting/edit/HEAD/README.md'));
  await type(page, '# not committed\n');
  await page.locator('.toolbar .push').click();
  await page.locator('#fetch-and-merge').click();
  await page.locator('.job.done').getByText('1 file changed on both sides').waitFor();
  await page.goto(server.url('/#/r/waiting/changes'));
  await page.reload();
  await page.locator('.edit[data-path="README.md"]').waitFor();
  assert.equal(await page.locator('.edit').count(), 1);
  await page.close();
});

test('a merge that puts a file in the place of a directory is resolved and committed', async () => {
  const where = await cloned('replaced');
  const first = gitText(where, 'rev-parse', 'main');
  const page = await visit('replaced/edit/HEAD/src/lines.txt');
  await type(page, LINES.replace('line 5\n', 'line five\n'));
  await commitHere(page, 'Mine');
  await page.locator('#committed').waitFor();
  commit(where, 'main', { 'src/lines.txt': LINES.replace('line 5\n', 'line V\n'), 'src/deep': 'a file\n' }, first);
  await page.locator('#committed .push').click();
  await page.locator('#fetch-and-merge').click();
  await page.getByRole('link', { name: 'Resolve them' }).click();
  await page.locator('.edit[data-path="src/lines.txt"] .settle').click();
  await page.locator('#unresolved').waitFor({ state: 'detached' });
  await page.locator('#commit-changes').click();
  await page.locator('#committed .push').click();
  await page.locator('.job.done').getByText('main is on the server').waitFor();
  assert.equal(gitText(where, 'cat-file', '-p', 'main:src/deep'), 'a file');
  await page.close();
});

test('changes of a branch that is gone, with its commits, can still be discarded', async () => {
  await cloned('gone');
  const page = await visit('gone/edit/HEAD/README.md');
  await page.evaluate(() => localStorage.setItem('draft:gone', JSON.stringify({ branch: 'refs/heads/topic', tip: '1'.repeat(40), edits: [{ path: 'README.md', oid: '2'.repeat(40), mode: '100644' }] })));
  await page.goto(server.url('/#/r/gone/changes'));
  await page.reload();
  await page.locator('.edit[data-path="README.md"] [role="alert"]').waitFor();
  await page.getByRole('button', { name: 'Discard all changes' }).click();
  await page.getByRole('button', { name: 'Discard', exact: true }).click();
  await page.getByText('Nothing is changed.').waitFor();
  await page.close();
});

test('a file whose name begins or ends with a blank keeps it', async () => {
  const where = await cloned('blanks');
  commit(where, 'main', { ' odd ': 'a\n' }, gitText(where, 'rev-parse', 'main'));
  const page = await visit('blanks/tree/HEAD');
  await page.evaluate(async () => {
    const { repository } = await import(/** @type {any} */ ('/lib/git.js'));
    const repo = await repository('blanks');
    await repo.fetch();
    await repo.updateRefs([{ name: 'refs/heads/main', new: await repo.resolve('origin/main') }]);
  });
  await page.goto(server.url('/#/r/blanks/edit/HEAD/%20odd%20'));
  await type(page, 'b\n');
  assert.deepEqual(await page.locator('.edit').evaluateAll((all) => all.map((edit) => edit.getAttribute('data-path'))), [' odd ']);
  await page.close();
});

/** @param {string} repository @param {string} rev @returns {Record<string, string>} every file, by git's quoted path */
function files(repository, rev) {
  const lines = gitText(repository, 'ls-tree', '-r', rev).split('\n').map((line) => line.split('\t'));
  return Object.fromEntries(lines.map(([entry = '', name = '']) => [name, gitText(repository, 'cat-file', 'blob', entry.split(' ')[2] ?? '')]));
}

test('what was typed into a file without a name waits in its form, and then becomes a file', async () => {
  await cloned('unnamed');
  const page = await visit('unnamed/new/HEAD/src');
  await page.locator('#edit-text').fill('typed\n');
  await page.getByRole('link', { name: 'History' }).click();
  await page.locator('.told').getByText('The file has no name yet. What you typed waits in its form.').waitFor();
  await page.getByRole('link', { name: 'Go on with it' }).click();
  await page.locator('#restored').waitFor();
  assert.equal(await page.locator('#edit-text').inputValue(), 'typed\n');
  assert.equal(await page.locator('.told').count(), 0, 'it is said once');

  // A name that is taken overwrites nothing.
  await page.locator('#edit-path').fill('src/lines.txt');
  await page.getByRole('link', { name: 'History' }).click();
  await page.locator('.told').getByText('There is a file of that name already. What you typed waits in its form.').waitFor();
  assert.equal(await page.locator('.told').count(), 1);
  assert.equal(await page.getByRole('link', { name: /^Changes/ }).count(), 0);

  await page.getByRole('link', { name: 'Go on with it' }).click();
  await page.locator('#restored').waitFor();
  assert.equal(await page.locator('#edit-path').inputValue(), 'src/lines.txt');
  await page.locator('#edit-path').fill('src/typed.txt');
  await page.locator('#keep').click();
  await page.locator('.edit.new[data-path="src/typed.txt"]').waitFor();
  await page.goto(server.url('/#/r/unnamed/new/HEAD/src'));
  await page.locator('#editor').waitFor();
  assert.deepEqual([await page.locator('#edit-text').inputValue(), await page.locator('#restored').count()], ['', 0], 'it is used');
  await page.close();
});

test('what is typed outlives a reload, and can be given up', async () => {
  await cloned('reloaded');
  const page = await visit('reloaded/edit/HEAD/README.md');
  await page.locator('#edit-text').fill('half a\n');
  page.on('dialog', (dialog) => dialog.accept());
  await page.reload();
  await page.locator('#restored').waitFor();
  assert.equal(await page.locator('#edit-text').inputValue(), 'half a\n');
  await page.getByRole('button', { name: 'Start over' }).click();
  assert.equal(await page.locator('#edit-text').inputValue(), '# reloaded\n');
  await page.reload();
  await page.locator('#editor').waitFor();
  assert.equal(await page.locator('#restored').count(), 0);
  await page.close();
});

test('the names in the commit form stay while changes come and go', async () => {
  await cloned('typing');
  const page = await visit('typing/edit/HEAD/README.md');
  await type(page, '# changed\n');
  await page.goto(server.url('/#/r/typing/edit/HEAD/src/lines.txt'));
  await page.locator('#edit-text').waitFor();
  await type(page, 'short\n');
  await page.getByLabel('Your name').fill('Ada Half');
  await page.getByLabel('Your e-mail address').fill('ada@');
  await page.getByText('Commit on another branch').click();
  await page.getByLabel('A new branch').fill('half');
  await page.getByRole('button', { name: 'Undo the change of src/lines.txt' }).click();
  await page.getByRole('heading', { name: '1 file', exact: true }).waitFor();
  const typed = ['#author-name', '#author-email', '#other-branch'].map((field) => page.locator(field).inputValue());
  assert.deepEqual(await Promise.all(typed), ['Ada Half', 'ada@', 'half']);
  assert.equal(await page.locator('#other-branch').isVisible(), true);
  await page.close();
});

test('a change that cannot be taken back says why', async () => {
  await cloned('stale');
  const page = await visit('stale/edit/HEAD/README.md');
  await type(page, '# changed\n');
  const other = await visit('stale/changes');
  await commitHere(other, 'In another tab');
  await other.locator('#committed').waitFor();
  await other.goto(server.url('/#/r/stale/edit/HEAD/src/lines.txt'));
  await other.locator('#edit-text').waitFor();
  await type(other, 'others\n');
  await page.getByRole('button', { name: 'Undo the change of README.md' }).click();
  await page.locator('.edit .problem').getByText('Other changes were begun in another tab').waitFor();
  await other.close();
  await page.close();
});

test('a branch is pushed to the remote that the settings name, compared with it and merged from it', async () => {
  const where = await cloned('remotes');
  const fork = repositories.mirror(server.url('/test/remotes.git'), 'fork');
  const page = await visit('remotes/edit/HEAD/README.md');
  await page.evaluate(async (url) => {
    const { open } = await import(/** @type {any} */ ('/pkg/index.js'));
    const repo = await open('remotes');
    await repo.remotes.add('fork', url);
    await repo.config.set('remote.pushDefault', 'fork');
    await repo.fetch({ remote: 'fork' });
    await repo.close();
  }, server.url('/test/fork.git'));
  await type(page, '# mine\n');
  await commitHere(page, 'Mine');
  const theirs = commit(fork, 'main', { 'other.txt': 'theirs\n' }, gitText(fork, 'rev-parse', 'main'));
  await page.locator('#committed').getByRole('button', { name: 'Push 1 commit' }).click();
  assert.equal(await ended(page), 'main was not taken');
  await page.locator('#fetch-and-merge').click();
  await page.locator('.job.done').getByText('Merged into main').waitFor();
  await page.locator('.job .push').click();
  await page.locator('.job.done').getByText('main is on the server').waitFor();
  assert.deepEqual(files(fork, 'main')['other.txt'], 'theirs');
  assert.ok(gitText(fork, 'rev-list', 'main').includes(theirs));
  assert.equal(gitText(where, 'log', '-1', '--format=%s', 'main').startsWith('Change'), true, 'the other remote is as it was');
  await page.locator('#fetch').click();
  await page.locator('#fetching').getByText(server.url('/test/remotes.git')).waitFor();
  await page.close();
});

/** Files whose names are not UTF-8, and one text for both. @param {string} content */
const odd = (content) => ({ '"odd-\\377"': `${content} 377`, '"odd-\\376"': `${content} 376` });

test('files whose names are no text stay what they are', async () => {
  const where = await cloned('bytes');
  const first = commit(where, 'main', odd('one'), gitText(where, 'rev-parse', 'main'));
  const page = await visit('bytes/tree/HEAD');
  const pull = () => page.evaluate(async () => {
    const { open } = await import(/** @type {any} */ ('/pkg/index.js'));
    const repo = await open('bytes');
    await repo.pull('main');
    await repo.close();
  });
  await pull();
  await page.goto(server.url('/#/r/bytes/edit/HEAD/README.md'));
  await page.locator('#edit-text').waitFor();
  await type(page, '# mine\n');

  // The branch moves under the draft, whose commit is made where it was begun.
  commit(where, 'main', { 'other.txt': 'other\n' }, first);
  await pull();
  await commitHere(page, 'Mine');
  await page.locator('#on-top').click();
  await page.locator('#committed .push').click();
  await page.locator('.job.done').getByText('main is on the server').waitFor();
  assert.deepEqual(files(where, 'main')['"odd-\\377"'], 'one 377');
  assert.deepEqual(files(where, 'main')['"odd-\\376"'], 'one 376');
  assert.deepEqual(files(where, 'main')['README.md'], '# mine');

  // A merge that would have to keep changes of them leaves everything alone.
  const base = gitText(where, 'rev-parse', 'main');
  await page.goto(server.url('/#/r/bytes/edit/HEAD/src/lines.txt'));
  await page.locator('#edit-text').waitFor();
  await type(page, 'ours\n');
  await commitHere(page, 'Ours');
  commit(where, 'main', { ...odd('two'), 'src/lines.txt': 'theirs\n' }, base);
  await page.locator('#committed .push').click();
  await page.locator('#fetch-and-merge').click();
  await page.locator('.job.failed').getByText(/is not UTF-8 text.*Nothing was changed; git can merge this/).waitFor();
  assert.equal(await page.evaluate(() => localStorage.getItem('draft:bytes')), null);
  await page.close();
});
