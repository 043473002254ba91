/**
 * What of the Database port depends on the browser: the files below it, and what goes through the bindings of JavaScript.
 * The engine above them is the same WebAssembly everywhere; engine-conformance.chromium.spec.ts runs all of it.
 */

import { storageCases } from "../test/database/storage-cases.ts";
import { valueCases } from "../test/database/value-cases.ts";
import { testEngine } from "./support/test-engine.ts";

const chosen = new Set([...storageCases, ...valueCases].map(({ name }) => name));

testEngine(({ name }) => chosen.has(name));
