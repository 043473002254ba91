/** An attempt to open a channel by code that is still being loaded. */

import type { ChannelAttempt, ChannelAttemptOptions } from "./network.ts";

export type OpenChannel = (options: ChannelAttemptOptions) => ChannelAttempt;

/** Makes the attempt once `opener` is there; what is signalled until then is kept for it. */
export const openChannelLater = (opener: Promise<OpenChannel>, options: ChannelAttemptOptions): ChannelAttempt => {
  const early: string[] = [];
  let attempt: ChannelAttempt | undefined;
  let isClosed = false;

  const open = async (): Promise<Awaited<ChannelAttempt["opened"]>> => {
    const openChannel = await opener;
    if (isClosed) throw new Error("the attempt was given up before it was begun");
    attempt = openChannel(options);
    for (const description of early.splice(0)) attempt.signal(description);
    return attempt.opened;
  };

  return {
    signal: (description) => {
      if (attempt === undefined) early.push(description);
      else attempt.signal(description);
    },
    opened: open(),
    close: () => {
      isClosed = true;
      attempt?.close();
    },
  };
};
