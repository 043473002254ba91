// @ts-check
/** RxDB's own signaling server. */

import { startSignalingServerSimplePeer } from "rxdb/plugins/replication-webrtc";

await startSignalingServerSimplePeer({ port: Number(process.env["PORT"]), host: "127.0.0.1" });
console.log("listening");
