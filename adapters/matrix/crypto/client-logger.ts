import type { Logger as SdkLogger } from "matrix-js-sdk/lib/logger.js";
import type { Logger } from "../../../src/contracts/logger.ts";

const MAX_CHARS = 300;

/** Passes the SDK's warnings and errors on as single lines; what it tells of its daily work is left out. */
export function sdkLogger(logger: Logger): SdkLogger {
  const line = (words: readonly unknown[]): string =>
    words
      .map((word) => (word instanceof Error ? `${word.name}: ${word.message}` : typeof word === "string" ? word : ""))
      .join(" ")
      .slice(0, MAX_CHARS);
  const quiet = (): void => undefined;
  const own: SdkLogger = {
    trace: quiet,
    debug: quiet,
    info: quiet,
    warn: (...words: readonly unknown[]) => logger.debug({ said: line(words) }, "the Matrix crypto module warns"),
    error: (...words: readonly unknown[]) => logger.warn({ said: line(words) }, "the Matrix crypto module failed"),
    getChild: () => own,
  };
  return own;
}
