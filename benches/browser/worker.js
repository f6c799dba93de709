// The package's Worker, with an eye on the memory of the wasm module it instantiates. Wasm memory
// never shrinks, so what it is at the end is what it was at most.

/** @type {WebAssembly.Memory | undefined} */
let memory;

for (const name of /** @type {const} */ (['instantiate', 'instantiateStreaming'])) {
  const original = WebAssembly[name];
  WebAssembly[name] = async (/** @type {any[]} */ ...args) => {
    const made = await /** @type {any} */ (original).apply(WebAssembly, args);
    memory = (made.instance ?? made).exports.memory;
    return made;
  };
}

const channel = new BroadcastChannel('gitside-bench');
channel.addEventListener('message', ({ data }) => {
  if (data === 'memory?') channel.postMessage({ memory: memory?.buffer.byteLength });
});

await import('/pkg/worker.js');
