/** Public entry `ledger/kysely`: Kysely's query builder over a Ledger. Kysely is the app's own. */

export { createLedgerDialect } from "./kysely/dialect.ts";
