// The script of a helping worker: the first message is the compiled module, every other one is
// answered by it.

import init, { Helper } from './wasm/gitside.js';

/** @type {Promise<Helper>} */
let helper;

addEventListener('message', async ({ data }) => {
  if (data instanceof WebAssembly.Module) {
    helper = init({ module_or_path: data }).then(() => new Helper());
    return;
  }
  const answer = (await helper).answer(data);
  postMessage(answer, { transfer: [answer.buffer] });
});

// What goes wrong in an asynchronous listener is no error event by itself.
addEventListener('unhandledrejection', ({ reason }) => {
  throw reason;
});
