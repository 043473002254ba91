/** Yjs with y-webrtc, as documented. */

import { WebrtcProvider } from "y-webrtc";
import { serve } from "../serve.ts";
import { createYjs } from "./yjs.ts";

serve(
  createYjs(async (doc, { room, signalingUrl }) => {
    new WebrtcProvider(room, doc, { signaling: [signalingUrl], peerOpts: { config: { iceServers: [] } } });
  }),
);
