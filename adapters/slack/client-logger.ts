import { type Logger, LogLevel } from "@slack/web-api";

function nothing(): void {}

/** Slack's SDK logs whole requests and answers, message text included: it gets no voice. Failures reach our log as ParleyErrors. */
export const quietLogger: Logger = {
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  setLevel: nothing,
  setName: nothing,
  getLevel: () => LogLevel.ERROR,
};
