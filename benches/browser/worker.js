// The package's Worker, with an eye on what it reads from IndexedDB and on the memory of the wasm
// module it instantiates. Wasm memory never shrinks, so what it is at the end is what it was at most.

let rows = 0;
let requests = 0;
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

const reads = ['get', 'getAll', 'getAllRecords', 'getKey', 'getAllKeys', 'openCursor', 'openKeyCursor', 'count'];
for (const prototype of /** @type {any[]} */ ([IDBObjectStore.prototype, IDBIndex.prototype])) {
  for (const name of reads.filter((name) => name in prototype)) {
    const original = prototype[name];
    prototype[name] = function (/** @type {any[]} */ ...args) {
      const request = original.apply(this, args);
      requests += 1;
      request.addEventListener('success', () => {
        const { result } = request;
        rows += Array.isArray(result) ? result.length : Number(result !== undefined && result !== null);
      });
      return request;
    };
  }
}

const channel = new BroadcastChannel('gitside-bench');
channel.addEventListener('message', ({ data }) => {
  if (data === 'memory?') channel.postMessage({ memory: memory?.buffer.byteLength });
  if (data === 'reads?') channel.postMessage({ rows, requests });
});

await import('/pkg/worker.js');

export {};
