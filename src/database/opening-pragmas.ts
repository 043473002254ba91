/**
 * What every connection is set to before anything else.
 *
 * - `temp_store`: statement journals in files made bulk writes 25 to 100 times slower.
 * - `locking_mode`: the host holds the file alone, so there is nobody to negotiate with.
 * - `journal_mode`: never WAL, a file in that mode cannot be opened again without shared memory.
 * - `synchronous`: what is acknowledged is on the disk.
 */
export const openingPragmas: readonly string[] = [
  "pragma temp_store = memory",
  "pragma locking_mode = exclusive",
  "pragma cache_size = -32000",
  "pragma journal_mode = delete",
  "pragma synchronous = full",
];
