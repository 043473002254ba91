/** Limit: the engine that Ledger runs, with the same files and pragmas, and nothing around it. */

import { serve } from "../serve.ts";
import { createWorkerSystem } from "./worker-system.ts";

serve(createWorkerSystem(new Worker(new URL("./bare-engine-worker.ts", import.meta.url), { type: "module" })));
