/**
 * Runs in a SharedWorker: gives two tabs that ask by the same name the two ends of a port. What they say to each other does
 * not pass here, and goes on when this worker ends.
 */

/** Tabs that wait for another; the oldest is forgotten beyond it. One that died waiting does not say so. */
export const maxWaiting = 64;

/** To the broker, the only message of a connection; answered by one message with a port, or by none. */
export interface Meeting {
  readonly meet: string;
}

/** @returns takes each connection of a tab */
export const createPortBroker = (): ((connection: MessagePort) => void) => {
  const connectionsByName = new Map<string, MessagePort>();

  const meet = (name: string, connection: MessagePort): void => {
    const other = connectionsByName.get(name);
    if (other === undefined) {
      connectionsByName.set(name, connection);
      for (const [oldest] of connectionsByName) {
        if (connectionsByName.size <= maxWaiting) return;
        connectionsByName.delete(oldest);
      }
      return;
    }
    connectionsByName.delete(name);
    const { port1, port2 } = new MessageChannel();
    other.postMessage(undefined, [port1]);
    connection.postMessage(undefined, [port2]);
  };

  return (connection) => {
    connection.onmessage = ({ data }: MessageEvent<Partial<Meeting> | undefined>) => {
      if (typeof data?.meet === "string") meet(data.meet, connection);
    };
  };
};
