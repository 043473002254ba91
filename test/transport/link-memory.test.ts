import { createFakeClock } from "../support/fake-clock.ts";
import { testLink } from "./link-conformance.ts";
import { createMemoryHarness } from "./memory-links.ts";

testLink("memory", () => createMemoryHarness({ clock: createFakeClock() }));
