/** Ports: what the tabs of an origin send each other messages by. */

export interface TabChannel {
  /** Does nothing after close(). @throws DOMException DataCloneError when `message` cannot be cloned */
  post(message: unknown): void;
  /** One listener only. */
  onMessage(listener: (message: unknown) => void): void;
  /** Idempotent. Nothing is received afterwards; what was posted still arrives. */
  close(): void;
}

/** Channels by name. Whatever is posted reaches everyone else on it, in order. */
export interface TabChannels {
  open(name: string): TabChannel;
}

/** A channel that two tabs have for themselves. */
export interface LineChannel extends TabChannel {
  /** The other side is there: a faster way to it may be taken, which changes nothing else. Called once, by both sides. */
  hasten(): void;
  /**
   * What was posted may be lost, and nothing comes any more. One listener only. Also told when the other side closes or
   * dies, but not by every platform.
   */
  onBreak(listener: () => void): void;
}

/** Lines by name, each opened by two tabs. */
export interface LineChannels {
  open(name: string): LineChannel;
}

/** One end of a way between two tabs. */
export interface DirectPort extends TabChannel {
  /** The other end is gone. One listener only. Not told by every platform. */
  onClose(listener: () => void): void;
}

/** Brings two tabs together. */
export interface PortMeetings {
  /**
   * Calls `onPort` at most once, when another tab meets by the same name. Maybe never: nothing may wait for it.
   * @returns stops waiting; idempotent
   */
  meet(name: string, onPort: (port: DirectPort) => void): () => void;
}
