/** Public entry `ledger/drizzle`: Drizzle over a Ledger. Drizzle is the app's own. */

export { drizzle, type LedgerDrizzle, type LedgerDrizzleTransaction } from "./drizzle/drizzle.ts";
