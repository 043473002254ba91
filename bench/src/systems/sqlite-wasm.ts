/** Limit: the official build over its OPFS pool, a plain table that replicates nothing. */

import { serve } from "../serve.ts";
import { createWorkerSystem } from "./worker-system.ts";

serve(createWorkerSystem(new Worker(new URL("./sqlite-wasm-worker.ts", import.meta.url), { type: "module" })));
