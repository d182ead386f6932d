import type { ErrorCode } from "../../src/errors/codes.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";

/** Words of a run's error code, in order of precedence, and what they mean. */
const MEANINGS: readonly (readonly [RegExp, ErrorCode])[] = [
  [/time.?out|deadline/i, "AGENT_TIMEOUT"],
  [/refus|content.?filter|safety|guardrail/i, "AGENT_REFUSED"],
];

/** Guarantees the error of a run that said it failed. Of what it said only a plain code is taken: its message may quote people and keys. */
export function runErrorToError(code: string | undefined): ParleyError {
  const plain = code !== undefined && /^[A-Za-z_]{1,40}$/.test(code) ? code : undefined;
  const meaning = MEANINGS.find(([words]) => plain !== undefined && words.test(plain))?.[1] ?? "AGENT_CRASHED";
  const said = plain === undefined ? "" : ` (${plain})`;
  return new ParleyError(meaning, { detail: `the run ended with an error${said}` });
}

export function notAgui(what: string): ParleyError {
  return new ParleyError("AGENT_REPLY_INVALID", { detail: `the answer is no stream of AG-UI events: ${what}` });
}
