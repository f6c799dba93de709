// What stands in the way of editing: no branch is looked at, or another one has uncommitted changes.

import { foreign, h } from '../lib/dom.js';
import { draftOf, setDraft } from '../lib/draft.js';
import { CHANGED } from '../lib/jobs.js';
import { problem } from '../lib/problem.js';
import { changesLink } from '../lib/route.js';
import { count } from '../lib/text.js';
import { shortRev } from './frame.js';

/** @typedef {import('../lib/git.js').Repository} Repository */

/** A branch of its own is offered. @param {Repository} repo @param {string} rev @param {(branch: string) => void} then */
export function branchNeeded(repo, rev, then) {
  const [, remote = ''] = /^refs\/remotes\/[^/]+\/(.+)$/s.exec(rev) ?? [];
  const name = h('input', { id: 'branch-name', required: true, value: remote === 'HEAD' ? '' : remote, placeholder: 'my-change', autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false' });
  const errors = h('div', { class: 'stack' });
  /** @param {Event} event */
  async function create(event) {
    event.preventDefault();
    try {
      await repo.branches.create(name.value.trim(), rev);
      then(`refs/heads/${name.value.trim()}`);
    } catch (error) {
      errors.replaceChildren(problem(error));
    }
  }
  return h(
    'form',
    { class: 'panel', id: 'branch-needed', onsubmit: create },
    h('h2', {}, 'A branch for your changes'),
    h('p', {}, 'You are looking at ', h('b', {}, foreign(shortRev(rev))), ', which is not a branch of yours. A new branch can begin here.'),
    h('div', { class: 'field' }, h('label', { for: 'branch-name' }, 'Name of the branch'), name),
    errors,
    h('p', { class: 'actions' }, h('button', { class: 'primary' }, 'Create the branch')),
  );
}

/** The draft is on another branch. @param {Repository} repo @param {string} branch that was to be edited */
export function draftElsewhere(repo, branch) {
  const draft = draftOf(repo.name);
  function discard() {
    setDraft(repo.name, undefined);
    document.dispatchEvent(new CustomEvent(CHANGED, { detail: repo.name }));
  }
  return h(
    'section',
    { class: 'panel', id: 'draft-elsewhere' },
    h('h2', {}, 'Changes on another branch wait to be committed'),
    h('p', {}, count(draft?.edits.length ?? 0, 'file is', 'files are'), ' changed on ', h('b', {}, foreign(shortRev(draft?.branch ?? ''))), '. Commit or discard that before ', h('b', {}, foreign(shortRev(branch))), ' is edited.'),
    h('p', { class: 'actions' }, h('a', { class: 'button primary', href: changesLink(repo.name) }, 'Show the changes'), h('button', { type: 'button', class: 'danger', onclick: discard }, 'Discard them')),
  );
}
