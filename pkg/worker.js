// The dedicated worker: an engine behind a message port. Import it in a worker of your own to run
// the engine there: `import 'gitside/worker'`.

import { load } from './engine.js';
import { serve } from './rpc.js';

serve(/** @type {any} */ (globalThis), load);
