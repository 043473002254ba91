/**
 * Which STUN and TURN servers attempts are given: those that the app names, otherwise those that the meeting point hands
 * out. What a TURN server refuses is told once for each set of credentials, and new ones are asked for once per
 * connection to the meeting point: should those be refused as well, asking again would not help.
 */

import { LedgerError } from "../common/errors.ts";
import type { Signaling, SuggestedIceServer } from "../signaling/signaling.ts";

export interface IceServers {
  /** For attempts from now on; links that stand keep theirs. */
  readonly current: readonly RTCIceServer[];
  /**
   * @param used - what the attempt was given, as `current` gave it
   * @param errorCode - STUN's
   */
  refused(used: readonly RTCIceServer[], errorCode: number): void;
}

export const createIceServers = (options: {
  /** The app's; undefined: those of the meeting point. */
  readonly own: readonly RTCIceServer[] | undefined;
  readonly signaling: Pick<Signaling, "on" | "renewIceServers">;
  readonly report: (error: LedgerError) => void;
}): IceServers => {
  const { own, signaling, report } = options;
  let suggested: readonly RTCIceServer[] = [];
  let reported: readonly RTCIceServer[] | undefined;
  let hasAsked = false;

  const suggest = (servers: readonly SuggestedIceServer[]): void => {
    suggested = servers.map(({ urls, ...credentials }) => ({ urls: [...urls], ...credentials }));
  };
  signaling.on("ice-servers", suggest);
  signaling.on("joined", (_self, _members, servers = []) => {
    hasAsked = false;
    suggest(servers);
  });

  return {
    get current() {
      return own ?? suggested;
    },
    refused: (used, errorCode) => {
      if (used === reported) return;
      reported = used;
      report(turnRefused(used === own, errorCode));
      if (used !== suggested || hasAsked) return;
      hasAsked = true;
      signaling.renewIceServers();
    },
  };
};

const turnRefused = (isOwn: boolean, errorCode: number): LedgerError =>
  new LedgerError(
    "LEDGER_TURN_REFUSED",
    isOwn
      ? `a TURN server refused what option iceServers names (STUN error ${errorCode}); its credentials may have expired`
      : `a TURN server refused what the signaling server handed out (STUN error ${errorCode}); new credentials are asked for`,
  );
