/** The whole conformance suite of the Database port, over every storage of a browser. */

import { testEngine } from "./support/test-engine.ts";

testEngine(() => true);
