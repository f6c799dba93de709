// Workers that help the engine's worker with large packs, each with an instance of the same module.
// The engine starts them, sends them byte arrays and ends them; what they say to each other is in
// `src/ops/receive/help.rs`.

/** More of them would have nothing to do: taking in what arrives is one thread's work. */
const MOST = 3;

/** Helpers that are alive. @type {Set<Worker>} */
const alive = new Set();

/**
 * Starts a helper, as long as there are processors for it. None in a page: whoever keeps the engine
 * there wants no workers.
 * @param {WebAssembly.Module} module the engine's own, so that it need not be loaded again
 * @returns {Worker | undefined}
 */
export function startHelper(module) {
  const most = Math.min((navigator.hardwareConcurrency ?? 1) - 1, MOST);
  if (alive.size >= most || globalThis.document) return undefined;
  try {
    const worker = new Worker(new URL('./helper.js', import.meta.url), { type: 'module' });
    const terminate = worker.terminate.bind(worker);
    worker.terminate = () => {
      alive.delete(worker);
      terminate();
    };
    alive.add(worker);
    worker.postMessage(module);
    return worker;
  } catch {
    return undefined; // Forbidden here; the engine does all by itself.
  }
}
