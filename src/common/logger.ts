/** Where Ledger may write what it does. Silent unless the app passes one; never given a token, a key or row contents. */

export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

export const createSilentLogger = (): Logger => ({ debug: () => {}, info: () => {}, warn: () => {}, error: () => {} });
