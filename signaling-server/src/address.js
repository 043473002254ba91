// @ts-check
/** Which address a request counts for, and how much of it: one IPv6 host owns a whole /64. */

/**
 * @param {import("node:http").IncomingMessage} request
 * @param {number} trustedProxyHops how many reverse proxies of the operator stand in front; 0 ignores X-Forwarded-For
 */
export const clientAddress = (request, trustedProxyHops) => {
  const direct = request.socket.remoteAddress ?? "";
  if (trustedProxyHops === 0) return addressGroup(direct);
  // Each proxy appends the address it saw. Only the last `trustedProxyHops` entries were written by trusted hands.
  const hops = String(request.headers["x-forwarded-for"] ?? "")
    .split(",")
    .map((hop) => hop.trim());
  return addressGroup(hops[Math.max(0, hops.length - trustedProxyHops)] || direct);
};

/** @param {string} address */
export const addressGroup = (address) => {
  const text = address
    .toLowerCase()
    .replace(/^::ffff:(?=\d+\.)/, "")
    .replace(/%.*$/, "");
  if (!text.includes(":")) return text;
  const [head = "", tail] = text.split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros =
    tail === undefined ? [] : Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => "0");
  return [...before, ...zeros, ...after]
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ""))
    .join(":");
};
