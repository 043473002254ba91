/** "3 minutes ago", for the moment a note was last edited. */

const steps = [
  { unit: "minute", ms: 60_000 },
  { unit: "hour", ms: 3_600_000 },
  { unit: "day", ms: 86_400_000 },
] as const;

const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const calendar = new Intl.DateTimeFormat("en", { day: "numeric", month: "short", year: "numeric" });

/** Words for the time since `atMs`; a clock that runs ahead elsewhere counts as now. */
export const timeAgo = (atMs: number, nowMs: number): string => {
  const passedMs = nowMs - atMs;
  if (passedMs < 45_000) return "just now";
  if (passedMs > 7 * 86_400_000) return calendar.format(atMs);
  const step = steps.findLast(({ ms }) => passedMs >= ms) ?? steps[0];
  return relative.format(-Math.round(passedMs / step.ms), step.unit);
};

/** Shows the time in a `<time>` element; the exact one is in its tooltip. */
export const showTime = (target: HTMLTimeElement, atMs: number, nowMs: number): void => {
  const words = timeAgo(atMs, nowMs);
  if (target.textContent !== words) target.textContent = words;
  const iso = new Date(atMs).toISOString();
  if (target.dateTime === iso) return;
  target.dateTime = iso;
  target.title = new Date(atMs).toLocaleString();
};
