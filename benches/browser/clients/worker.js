// A client in a Worker of its own: its name is this Worker's query.

/** @type {Record<string, (args?: any) => Promise<any>> | undefined} */
let client;

self.onmessage = async ({ data: { id, operation, args } }) => {
  try {
    if (!client) {
      const { make } = await import(`./${location.search.slice(1)}.js`);
      client = await make(args);
      self.postMessage({ id, value: Object.keys(client ?? {}) });
      return;
    }
    self.postMessage({ id, value: await client[operation]?.(args) });
  } catch (error) {
    self.postMessage({ id, error: String(/** @type {any} */ (error)?.stack ?? error) });
  }
};
