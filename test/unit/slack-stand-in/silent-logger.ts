import { LogLevel } from "@slack/web-api";

/** Keeps the SDKs quiet about the failures that these tests provoke. */
export const silentLogger = {
  debug: (): void => undefined,
  info: (): void => undefined,
  warn: (): void => undefined,
  error: (): void => undefined,
  setLevel: (): void => undefined,
  getLevel: (): LogLevel => LogLevel.ERROR,
  setName: (): void => undefined,
};
