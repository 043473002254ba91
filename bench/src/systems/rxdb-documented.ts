import { serveRxdb } from "./rxdb.ts";

serveRxdb(undefined);
