import { ERROR_CODES, type ErrorCode } from "../errors/codes.ts";
import { ParleyError } from "../errors/parley-error.ts";

/** What the command line ends with; numbers of BSD's sysexits.h where it has one. */
export const EXIT = { ok: 0, failed: 1, usage: 64, unavailable: 69, config: 78 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Ends a command with a message for the person at the terminal. */
export class CommandFailure extends Error {
  readonly exitCode: ExitCode;
  /** The code of the error table that it comes from, where it has one. */
  readonly code: string | undefined;

  constructor(exitCode: ExitCode, message: string, code?: string) {
    super(message);
    this.exitCode = exitCode;
    this.code = code;
  }
}

/** Guarantees a message and an exit code for whatever a command threw. */
export function toFailure(error: unknown): CommandFailure {
  if (error instanceof CommandFailure) return error;
  if (error instanceof ParleyError)
    return new CommandFailure(exitCodeOf(error.code), error.detail ?? error.row.userText, error.code);
  return new CommandFailure(EXIT.failed, error instanceof Error ? error.message : String(error));
}

const NAMES: Readonly<Record<ExitCode, string>> = {
  [EXIT.ok]: "OK",
  [EXIT.failed]: "FAILED",
  [EXIT.usage]: "USAGE",
  [EXIT.unavailable]: "UNAVAILABLE",
  [EXIT.config]: "CONFIG_INVALID",
};

/** Guarantees what a script reads of a failure: one line of JSON `{ error: { code, message, exitCode } }`. */
export function failureAsJson({ code, message, exitCode }: CommandFailure): string {
  return JSON.stringify({ error: { code: code ?? NAMES[exitCode], message, exitCode } });
}

/** The exit code of an error: bad configuration and absent servers have their own, so that scripts can tell them apart. */
export function exitCodeOf(code: ErrorCode): ExitCode {
  if (ERROR_CODES[code].fault === "config") return EXIT.config;
  return code === "LEDGER_UNAVAILABLE" || code === "QUEUE_UNAVAILABLE" ? EXIT.unavailable : EXIT.failed;
}
