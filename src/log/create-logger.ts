import { type DestinationStream, destination, type Logger as PinoLogger, pino } from "pino";
import type { LogFields, Logger } from "../contracts/logger.ts";
import { encodeControls } from "./control-characters.ts";
import { cleanFields } from "./log-fields.ts";
import { createScrubber } from "./secret-shapes.ts";
import { toTextLine } from "./text-lines.ts";

export type LogLevel = "trace" | "debug" | "info" | "warn" | "error" | "silent";

export interface LoggerOptions {
  /** Least level that is written. Default: info. */
  readonly level?: LogLevel;
  /** Secret values of this deployment, replaced wherever they turn up. */
  readonly secrets?: readonly string[];
  /** `text` is for people at a terminal. Default: json. */
  readonly format?: "json" | "text";
  readonly colored?: boolean;
  /** Where lines go. Default: standard error, so that standard output stays the command's own. */
  readonly stream?: DestinationStream;
}

export interface RootLogger extends Logger {
  /** The last word before the process ends. */
  fatal(fields: LogFields, message: string): void;
  /** Guarantees that everything logged so far is written when it returns. */
  flush(): void;
}

const STDERR = 2;

/** Guarantees a logger whose every line is free of known secrets, of words of people and of control characters. */
export function createLogger(options: LoggerOptions = {}): RootLogger {
  const scrub = createScrubber(options.secrets);
  const text = options.format === "text";
  // Not in step with the caller: a slow terminal or pipe must not hold up intake. `flush` writes what is left.
  const buffered = options.stream === undefined ? destination({ fd: STDERR, sync: false }) : undefined;
  const root = pino(
    {
      level: options.level ?? "info",
      base: { pid: process.pid },
      formatters: {
        level: (label) => ({ level: label }),
        log: (fields) => cleanFields(fields),
        bindings: (fields) => cleanFields(fields),
      },
      serializers: { err: (value: unknown) => value },
      hooks: {
        streamWrite: (line) => {
          const clean = encodeControls(scrub(line));
          return text ? toTextLine(clean, options.colored === true) : clean;
        },
      },
    },
    options.stream ?? buffered ?? destination(STDERR),
  );
  return {
    ...wrap(root),
    fatal: (fields, message) => root.fatal(fields, message),
    flush: () => buffered?.flushSync(),
  };
}

function wrap(target: PinoLogger): Logger {
  return {
    debug: (fields, message) => target.debug(fields, message),
    info: (fields, message) => target.info(fields, message),
    warn: (fields, message) => target.warn(fields, message),
    error: (fields, message) => target.error(fields, message),
    child: (fields) => wrap(target.child(fields)),
  };
}
