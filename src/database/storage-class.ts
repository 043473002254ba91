/** Storage classes of values that come without one. */

import { StorageClass, type SqlValue } from "./value.ts";

/** Integral numbers are INTEGER, others REAL; integral ones beyond 2^53 are REAL too, for they are not exact. */
export const storageClassOf = (value: SqlValue): StorageClass => {
  switch (typeof value) {
    case "number":
      return Number.isSafeInteger(value) ? StorageClass.integer : StorageClass.real;
    case "bigint":
      return StorageClass.integer;
    case "string":
      return StorageClass.text;
    default:
      return value === null ? StorageClass.null : StorageClass.blob;
  }
};
