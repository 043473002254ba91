/** Values of SQL as text, for looking them up. */

/** The same text only for the same values of the same types in the same order. */
export const valuesToText = (values: readonly unknown[]): string => values.map(valueToText).join();

const valueToText = (value: unknown): string => {
  if (typeof value === "string") return JSON.stringify(value);
  if (value instanceof Uint8Array || value instanceof ArrayBuffer) return `x${new Uint8Array(value).join(" ")}`;
  return `${typeof value} ${Object.is(value, -0) ? "-0" : String(value)}`;
};

/** The same text only for params that bind the same. */
export const paramsToText = (params: object = []): string =>
  Array.isArray(params) ? `[${valuesToText(params)}` : `{${valuesToText(Object.entries(params).flat())}`;
