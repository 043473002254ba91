// @ts-check
/**
 * The log: one JSON object per line, with `level`, `time` and `event`. Callers must never pass anything that names a
 * room, a member, an address or a secret.
 */

/** @typedef {Readonly<Record<string, string | number | boolean | Readonly<Record<string, number>>>>} Fields */
/** @typedef {(event: string, fields?: Fields) => void} Write */
/** @typedef {{ info: Write, warn: Write, error: Write }} Log */

/**
 * @param {{ writeLine: (line: string) => void, nowMs: () => number }} options
 * @returns {Log}
 */
export const createLog = ({ writeLine, nowMs }) => {
  /** @param {string} level */
  const at = (level) => {
    /** @type {Write} */
    const write = (event, fields) =>
      writeLine(JSON.stringify({ level, time: new Date(nowMs()).toISOString(), event, ...fields }));
    return write;
  };
  return { info: at("info"), warn: at("warn"), error: at("error") };
};

/** @returns {Log} */
export const createSilentLog = () => createLog({ writeLine: () => {}, nowMs: () => 0 });
