/** Public events to and from the form in which they travel between tabs. */

import { errorFromWire, errorToWire } from "../common/errors.ts";
import type { HostEvent } from "../host.ts";
import type { WireEvent } from "./tab-message.ts";

export const eventToWire = (event: HostEvent): WireEvent =>
  event.name === "error" ? { name: "error", error: errorToWire(event.args[0]) } : event;

export const eventFromWire = (event: WireEvent): HostEvent =>
  event.name === "error" ? { name: "error", args: [errorFromWire(event.error)] } : event;
