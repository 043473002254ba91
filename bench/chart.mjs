// @ts-check
/** The first sync as a chart for the README: an SVG that reads on light and on dark. */

import { lookInto } from "./report.mjs";
import { systems } from "./systems.mjs";

const [labelX, barX, barWidth, top, step] = [390, 400, 310, 44, 28];

/** On a logarithmic scale: the systems are far apart. @param {import("./report.mjs").Results} results */
export const firstSyncChart = (results) => {
  const look = lookInto(results);
  const bars = Object.keys(results.figures)
    .map((name) => ({ name, title: systems[name]?.title ?? name, seconds: look(name, "w3") }))
    .filter(({ seconds }) => Number.isFinite(seconds))
    .toSorted((a, b) => a.seconds - b.seconds);
  const least = Math.min(...bars.map(({ seconds }) => seconds)) / 2;
  const most = Math.max(...bars.map(({ seconds }) => seconds));
  const widthOf = (/** @type {number} */ seconds) => (Math.log(seconds / least) / Math.log(most / least)) * barWidth;

  const rows = bars.map(({ name, title, seconds }, index) => {
    const y = top + index * step;
    const fill = name === "ledger" ? "#0d9488" : systems[name]?.isLimit === true ? "#cbd5e1" : "#94a3b8";
    const weight = name === "ledger" ? ' font-weight="600"' : "";
    return `<text x="${labelX}" y="${y + 13}" text-anchor="end"${weight}>${title}</text>
<rect x="${barX}" y="${y}" width="${widthOf(seconds).toFixed(1)}" height="18" rx="3" fill="${fill}"/>
<text x="${(barX + 8 + widthOf(seconds)).toFixed(1)}" y="${y + 13}"${weight}>${seconds.toFixed(2)} s</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 780 ${top + 16 + bars.length * step}" role="img" font-family="system-ui, sans-serif" font-size="13" fill="#64748b">
<title>First sync of 10,000 rows over WebRTC</title>
<text x="${labelX}" y="24" text-anchor="middle" font-weight="600">First sync of 10,000 rows over WebRTC (seconds, logarithmic)</text>
${rows.join("\n")}
</svg>
`;
};
