/** The bundled build of simple-peer: its main module needs Node globals that no bundler provides any more. */
declare module "simple-peer/simplepeer.min.js" {
  import type SimplePeer from "simple-peer";
  const Peer: SimplePeer.SimplePeer;
  export default Peer;
}
