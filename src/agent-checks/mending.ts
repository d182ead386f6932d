import type { ErrorCode } from "../errors/codes.ts";
import { ParleyError } from "../errors/parley-error.ts";

/** What to do about an error of a turn, for whoever writes the agent. */
const MENDING: Partial<Record<ErrorCode, string>> = {
  AGENT_UNAVAILABLE: "Start the agent, and see that address, port and token are right and that nothing redirects.",
  AGENT_TIMEOUT:
    "Say something early (a status is enough) and end every turn; work that takes longer answers 202 and posts later.",
  AGENT_CRASHED:
    "Catch what goes wrong while a turn is worked on, and end the reply with an error part and done; its own log says what it was.",
  AGENT_REPLY_INVALID:
    "Answer in one of the forms of deploy/agents.md; the schemas are in deploy/schemas. Unknown fields are refused.",
  AGENT_REPLY_TOO_LARGE: "Keep a reply to 256 KiB of text, 50 parts and 8 MiB of files.",
  AGENT_REFUSED: "The agent refused an ordinary question; see its instructions and its quota.",
  AGENT_NOT_CONFIGURED: "See that the address leads to the agent itself, and that it is set up.",
  UNAUTHENTICATED: "Give the agent the same secret or token as Parley.",
};

/** What went wrong in words, and how to mend it. */
export function explainError(error: unknown): { readonly detail: string; readonly mend: string } {
  if (!(error instanceof ParleyError))
    return {
      detail: error instanceof Error ? error.message : "it failed",
      mend: "This is a fault of Parley; please report it.",
    };
  return {
    detail: `${error.code}: it ${error.row.userText}${error.detail === undefined ? "" : ` ${error.detail}`}`,
    mend: MENDING[error.code] ?? "deploy/errors.md says what this code means.",
  };
}
