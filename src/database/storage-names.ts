/** Where the browser's storages keep a database of a name. Apart from the storages, for whoever only removes it. */

/** In the root of the origin private file system. */
export const opfsRootDirectory = "ledger";

/** OPFS takes no slash and no dot names; any text becomes a name that is at least one character long. */
export const opfsDirectoryOf = (name: string): string => `db-${encodeURIComponent(name)}`;

export const idbNameOf = (name: string): string => `ledger-db:${name}`;
