/**
 * Lines between two tabs: each begins on a channel, and goes over to a port once both sides have an end of one. Invariants:
 * 1. A side posts by the port only once it has heard `ready` there: the other has its end and listens.
 * 2. `moved` is the last that a side posts on the channel, and what comes by the port before it is held back: nothing
 *    overtakes anything.
 */

import type { DirectPort, LineChannel, LineChannels, PortMeetings, TabChannel, TabChannels } from "./tab-channel.ts";

/** The first message by a port. All messages of tabs are objects. */
const ready = "ready";
/** The last message on a channel. */
const moved = "moved";

export const createLineChannels = (channels: TabChannels, meetings: PortMeetings): LineChannels => ({
  open: (name) => openLine(channels.open(name), (onPort) => meetings.meet(name, onPort)),
});

const openLine = (channel: TabChannel, meet: (onPort: (port: DirectPort) => void) => () => void): LineChannel => {
  /** What is posted goes this way. */
  let way: TabChannel = channel;
  let port: DirectPort | undefined;
  /** What came by the port before `moved`; undefined once that came. */
  let early: unknown[] | undefined = [];
  let isPortGone = false;
  let isOpen = true;
  let stopMeeting = (): void => {};
  let receive = (_message: unknown): void => {};
  let tellBreak = (): void => {};

  const deliver = (message: unknown): void => {
    if (isOpen) receive(message);
  };

  const leaveChannel = (): void => {
    if (way !== channel && early === undefined) channel.close();
  };

  const take = (arrived: DirectPort): void => {
    if (!isOpen) return arrived.close();
    port = arrived;
    arrived.onMessage((message) => {
      if (message === ready) {
        channel.post(moved);
        way = arrived;
        return leaveChannel();
      }
      // Keeps 2.
      if (early === undefined) return deliver(message);
      early.push(message);
    });
    arrived.onClose(() => {
      isPortGone = true;
      // A port that nobody has come to yet is not missed.
      if (isOpen && (way === arrived || early === undefined)) tellBreak();
    });
    // Of both sides: keeps 1.
    arrived.post(ready);
  };

  channel.onMessage((message) => {
    if (message !== moved) return deliver(message);
    const held = early ?? [];
    early = undefined;
    for (const each of held) deliver(each);
    leaveChannel();
    if (isPortGone && isOpen) tellBreak();
  });

  return {
    post: (message) => {
      if (isOpen) way.post(message);
    },
    onMessage: (listener) => {
      receive = listener;
    },
    onBreak: (listener) => {
      tellBreak = listener;
    },
    hasten: () => {
      if (isOpen) stopMeeting = meet(take);
    },
    close: () => {
      isOpen = false;
      stopMeeting();
      channel.close();
      port?.close();
    },
  };
};
