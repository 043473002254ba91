/**
 * Invitations: a room's token in the fragment of a URL, the part that browsers send to no server. It stands there as
 * `ledger=…` between `&`, so that it is told from fragments that mean something else to the app.
 */

import { LedgerError } from "./common/errors.ts";

/** Name of the token in a fragment. Changing it breaks invitations that are on their way. */
const parameter = "ledger";

/**
 * @param base - absolute, or relative to the page; its fragment is kept, without a token that is in there. Default: the
 *   page's address without its fragment
 * @throws LedgerError LEDGER_OPTION_INVALID when `base` is no URL, or has the token in its query
 */
export const tokenToInviteUrl = (token: string, base?: string | URL): string => {
  const url = base === undefined ? pageUrl() : parseUrl(base);
  if ([...url.searchParams.values()].includes(token)) {
    throw invalid("the base of an invitation has the token in its query, which is sent to servers; take it out");
  }
  url.hash = [withoutToken(url), new URLSearchParams({ [parameter]: token }).toString()].filter(Boolean).join("&");
  return url.href;
};

/**
 * The token of an invitation, undefined when there is none. The rest of the fragment is not looked at.
 * @param history - is told the address without the token, in place of the present entry. Default: the page's, when
 *   `address` is the page's `location`
 */
export const takeTokenFromUrl = (
  address: Pick<Location, "href">,
  history?: Pick<History, "state" | "replaceState">,
): string | undefined => {
  const url = new URL(address.href);
  const token = new URLSearchParams(url.hash.slice(1)).get(parameter);
  if (token === null) return undefined;
  url.hash = withoutToken(url);
  const page = address === (globalThis.location as Location | undefined) ? globalThis.history : undefined;
  const shown = history ?? page;
  shown?.replaceState(shown.state, "", url.href);
  return token === "" ? undefined : token;
};

/** The fragment without `#`; everything but the token stays as it was written. */
const withoutToken = ({ hash }: URL): string =>
  hash
    .slice(1)
    .split("&")
    .filter((part) => !part.startsWith(`${parameter}=`))
    .join("&");

const pageUrl = (): URL => {
  const page = globalThis.location as Location | undefined;
  if (page === undefined) throw invalid("there is no page here; tell inviteUrl() the address of your app");
  const url = new URL(page.href);
  url.hash = "";
  return url;
};

const parseUrl = (base: string | URL): URL => {
  const page = (globalThis.location as Location | undefined)?.href;
  try {
    return new URL(base, page);
  } catch (cause) {
    throw new LedgerError("LEDGER_OPTION_INVALID", "the base of an invitation must be a URL", { cause });
  }
};

const invalid = (message: string): LedgerError => new LedgerError("LEDGER_OPTION_INVALID", message);
