// What merging, picking and reverting are told, checked and made plain.

import { flag, oneOf, optionalOid, whole } from './options.js';
import { authored, callbacksOf, object, optionalBytes, person } from './write.js';

/** @typedef {import('./index.d.ts').Merging} Merging */

/**
 * A boolean, or a word.
 * @param {Record<string, any>} options
 * @param {string} name
 * @param {string} word
 */
function flagOr(options, name, word) {
  return options[name] === word ? word : flag(options, name);
}

/** @param {any} options */
function terms(options) {
  return {
    ...authored(options),
    message: optionalBytes(options, 'message'),
    author: person(options, 'author'),
    committer: person(options, 'committer'),
    expect: optionalOid(options, 'expect'),
    dryRun: flag(options, 'dryRun'),
    conflictStyle: oneOf(options, 'conflictStyle', ['merge', 'diff3', 'zdiff3']),
    favor: oneOf(options, 'favor', ['ours', 'theirs']),
    renames: flag(options, 'renames'),
    directoryRenames: flagOr(options, 'directoryRenames', 'conflict'),
  };
}

/** @param {import('./index.d.ts').MergeOptions} given as the repository remembers the rest of it */
export function mergeOptions(given) {
  const options = /** @type {any} */ (object('the options', given));
  const plain = {
    ...terms(options),
    fastForward: flagOr(options, 'fastForward', 'only'),
    allowUnrelated: flag(options, 'allowUnrelated'),
  };
  return { plain, ...callbacksOf(options, options) };
}

/** @param {import('./index.d.ts').CherryPickOptions} given as the repository remembers the rest of it */
export function replayOptions(given) {
  const options = /** @type {any} */ (object('the options', given));
  const plain = {
    ...terms(options),
    mainline: whole(options, 'mainline', 1),
    allowEmpty: flag(options, 'allowEmpty'),
    recordOrigin: flag(options, 'recordOrigin'),
  };
  return { plain, ...callbacksOf(options, options) };
}
