/** Port: channels by name between the tabs of an origin. Whatever is posted reaches everyone else on it, in order. */

export interface TabChannel {
  /** Does nothing after close(). @throws DOMException DataCloneError when `message` cannot be cloned */
  post(message: unknown): void;
  /** One listener only. */
  onMessage(listener: (message: unknown) => void): void;
  /** Idempotent. Nothing is received afterwards; what was posted still arrives. */
  close(): void;
}

export interface TabChannels {
  open(name: string): TabChannel;
}
