/**
 * A data channel between the two peers for systems that bring no WebRTC of their own: negotiated by way of the runner,
 * messages of any length in pieces of 16 KiB, at most 64 KiB buffered. With more in flight a fresh channel sometimes stalls
 * for seconds.
 */

const pieceBytes = 16 * 1024;
const highMarkBytes = 64 * 1024;

export interface PlainChannel {
  /** @param message - resolved once the last piece was given to the browser */
  send(message: Uint8Array): Promise<void>;
  onMessage(listener: (message: Uint8Array) => void): void;
  readonly channel: RTCDataChannel;
  close(): void;
}

const join = (pieces: readonly Uint8Array[]): Uint8Array => {
  const joined = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    joined.set(piece, at);
    at += piece.length;
  }
  return joined;
};

/** The side that does not make the offer must be here first. */
const negotiate = (): RTCPeerConnection => {
  const connection = new RTCPeerConnection();
  const waiting: RTCIceCandidateInit[] = [];
  connection.addEventListener("icecandidate", ({ candidate }) => {
    void window.toOtherPeer(JSON.stringify({ candidate }));
  });
  window.fromOtherPeer = (message) => {
    const { description, candidate } = JSON.parse(message) as {
      description?: RTCSessionDescriptionInit;
      candidate?: RTCIceCandidateInit | null;
    };
    if (candidate != null) {
      if (connection.remoteDescription === null) waiting.push(candidate);
      else void connection.addIceCandidate(candidate);
    }
    if (description === undefined) return;
    void (async () => {
      await connection.setRemoteDescription(description);
      for (const early of waiting.splice(0)) await connection.addIceCandidate(early);
      if (description.type !== "offer") return;
      await connection.setLocalDescription();
      await window.toOtherPeer(JSON.stringify({ description: connection.localDescription }));
    })();
  };
  return connection;
};

export const openPlainChannel = async (initiator: boolean): Promise<PlainChannel> => {
  const connection = negotiate();
  const channel = connection.createDataChannel("bench", { negotiated: true, id: 0 });
  channel.binaryType = "arraybuffer";
  channel.bufferedAmountLowThreshold = highMarkBytes / 2;
  let listener: (message: Uint8Array) => void = () => {};
  let pieces: Uint8Array[] = [];
  channel.addEventListener("message", ({ data }: MessageEvent<ArrayBuffer>) => {
    const piece = new Uint8Array(data);
    pieces.push(piece.subarray(1));
    if (piece[0] === 0) return;
    const message = join(pieces);
    pieces = [];
    listener(message);
  });
  const opened = new Promise<void>((resolve) => channel.addEventListener("open", () => resolve()));
  if (initiator) {
    await connection.setLocalDescription();
    await window.toOtherPeer(JSON.stringify({ description: connection.localDescription }));
  }
  await opened;

  let turn = Promise.resolve();
  const sendPieces = async (message: Uint8Array): Promise<void> => {
    for (let at = 0; at === 0 || at < message.length; at += pieceBytes) {
      const piece = message.subarray(at, at + pieceBytes);
      const framed = new Uint8Array(piece.length + 1);
      framed[0] = at + pieceBytes >= message.length ? 1 : 0;
      framed.set(piece, 1);
      if (channel.bufferedAmount > highMarkBytes) {
        await new Promise((resolve) => channel.addEventListener("bufferedamountlow", resolve, { once: true }));
      }
      channel.send(framed);
    }
  };

  return {
    send: (message) => (turn = turn.then(() => sendPieces(message))),
    onMessage: (next) => {
      listener = next;
    },
    channel,
    close: () => connection.close(),
  };
};
