import { ERROR_CODES, type ErrorCode } from "../errors/codes.ts";
import { ParleyError } from "../errors/parley-error.ts";

/** What the command line ends with; numbers of BSD's sysexits.h where it has one. */
export const EXIT = { ok: 0, failed: 1, usage: 64, unavailable: 69, config: 78 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Ends a command with a message for the person at the terminal. */
export class CommandFailure extends Error {
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** Guarantees a message and an exit code for whatever a command threw. */
export function toFailure(error: unknown): CommandFailure {
  if (error instanceof CommandFailure) return error;
  if (error instanceof ParleyError)
    return new CommandFailure(exitCodeOf(error.code), error.detail ?? error.row.userText);
  return new CommandFailure(EXIT.failed, error instanceof Error ? error.message : String(error));
}

/** The exit code of an error: bad configuration and absent servers have their own, so that scripts can tell them apart. */
export function exitCodeOf(code: ErrorCode): ExitCode {
  if (ERROR_CODES[code].fault === "config") return EXIT.config;
  return code === "LEDGER_UNAVAILABLE" || code === "QUEUE_UNAVAILABLE" ? EXIT.unavailable : EXIT.failed;
}
