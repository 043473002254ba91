import { serveRxdb } from "./rxdb.ts";

serveRxdb(500);
