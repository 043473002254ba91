/** What one end of a movable channel has sent and the other has not confirmed yet, in order, and how much of it is on its way. */

type Message = Uint8Array<ArrayBuffer>;

export interface KeptMessages {
  /** @param isSent - whether it is put on a route at once */
  add(message: Message, isSent: boolean): void;
  /** The other end has received `total`, modulo 2^32, since the beginning. False when it cannot have. */
  confirm(total: number): boolean;
  /** All, which now count as sent. */
  sendAll(): readonly Message[];
  /** Those not sent yet, which now are. */
  sendRest(): readonly Message[];
  clear(): void;
  readonly unsentBytes: number;
  /** Of all, with something for each that holds it. */
  readonly bytes: number;
}

const overheadBytes = 64;

export const createKeptMessages = (): KeptMessages => {
  const messages: Message[] = [];
  let bytes = 0;
  let unsent = 0;
  let unsentBytes = 0;
  let confirmed = 0;

  const take = (from: number): readonly Message[] => {
    unsent = 0;
    unsentBytes = 0;
    return messages.slice(from);
  };

  return {
    add: (message, isSent) => {
      messages.push(message);
      bytes += message.length + overheadBytes;
      if (isSent) return;
      unsent += 1;
      unsentBytes += message.length;
    },
    confirm: (total) => {
      const newly = (total - confirmed) >>> 0;
      if (newly > messages.length - unsent) return false;
      confirmed = total;
      for (const message of messages.splice(0, newly)) bytes -= message.length + overheadBytes;
      return true;
    },
    sendAll: () => take(0),
    sendRest: () => take(messages.length - unsent),
    clear: () => {
      messages.length = 0;
      bytes = 0;
      take(0);
    },
    get unsentBytes() {
      return unsentBytes;
    },
    get bytes() {
      return bytes;
    },
  };
};
