import { randomUUID } from "node:crypto";
import type { RequestOutcome } from "../../src/contracts/turn-requests.ts";
import type { ReplyPartInput } from "../../src/envelope/reply.ts";
import type { ReplyEventInput, Usage } from "../../src/envelope/reply-event.ts";
import { AgentClientError } from "./client-error.ts";
import type { PendingCalls } from "./pending-calls.ts";
import type { TurnLog } from "./turn-log.ts";
import { createTurnTools, type TurnTools } from "./turn-tools.ts";

type ApprovalPart = Extract<ReplyPartInput, { type: "approval_request" }>;
type InputPart = Extract<ReplyPartInput, { type: "input_request" }>;

export interface FileToSend {
  readonly name: string;
  /** Such as `text/csv`. */
  readonly mediaType: string;
  /** At most 8 MiB, over all files of the reply. */
  readonly bytes: Uint8Array;
}

/** `options` default to Approve and Deny. `binding` is what the decision is about beside what is shown: name and arguments of the action. */
export type ApprovalToAsk = Omit<ApprovalPart, "type" | "approvalId" | "options"> & {
  readonly approvalId?: string;
  readonly options?: ApprovalPart["options"];
  readonly binding?: unknown;
};

export type InputToAsk = Omit<InputPart, "type" | "inputId"> & { readonly inputId?: string };

/** `approved` is true when a person chose an option that allows. */
export type ApprovalOutcome = RequestOutcome & { readonly approved: boolean };

/**
 * What an agent answers one turn with. Everything arrives in the order of the calls, also over a drop of the connection.
 *
 * Errors of each: `turn_over` once the turn has ended, `reply_invalid` and `reply_too_large` for what is no reply.
 */
export interface TurnReply {
  /** Grows the text; people see it grow. Markdown. */
  text(markdown: string): void;
  /** Any part of a reply: a tool call, a task, a hand-off to another agent. */
  part(part: ReplyPartInput): void;
  /** A short line about what the agent is doing now; the newest replaces the one before. */
  status(text: string): void;
  file(file: FileToSend): void;
  /** Tokens and cost of the turn, where they are known; the last one counts. */
  usage(usage: Usage): void;
  /** Asks people whether something may be done, and waits; the turn's clock stands still meanwhile. Also `refused` where nobody can be asked. */
  approve(request: ApprovalToAsk): Promise<ApprovalOutcome>;
  /** Asks people for what the agent needs to know, and waits. */
  ask(request: InputToAsk): Promise<RequestOutcome>;
  /** What the agent may read and do in the conversation beyond answering. */
  readonly tools: TurnTools;
}

const YES_OR_NO = [
  { id: "allow", label: "Approve", effect: "allow" },
  { id: "deny", label: "Deny", effect: "deny" },
] as const;

/** The reply of one turn, written to its log; `pump` sends what may leave. */
export function createTurnReply(
  log: TurnLog,
  calls: PendingCalls,
  { signal, pump }: { readonly signal: AbortSignal; readonly pump: () => void },
): TurnReply & { readonly lastUsage: () => Usage | undefined } {
  let usage: Usage | undefined;
  let questions = 0;
  const { turnId } = log;

  function say(write: () => void): void {
    if (signal.aborted || log.isComplete)
      throw new AgentClientError("turn_over", "the turn is over, and nothing more of it is taken");
    write();
    pump();
  }
  const event = (value: ReplyEventInput): void => say(() => log.event(value));

  function checkOpen(): void {
    say(() => undefined);
  }

  /** The same question in a later attempt has the same id, and so gets the decision that was made. */
  function questionId(prefix: string): string {
    questions += 1;
    return `${prefix}_${questions}`;
  }

  return {
    text: (markdown) => say(() => log.text(markdown)),
    part: (part) => event({ type: "part", part }),
    status: (text) => event({ type: "part", part: { type: "status", text } }),
    file: ({ name, mediaType, bytes }) =>
      say(() => log.file({ type: "file", artifactId: randomUUID(), name, mediaType, bytes })),
    usage(value) {
      usage = value;
    },
    lastUsage: () => usage,
    async approve({ binding, ...request }) {
      checkOpen();
      const approvalId = request.approvalId ?? questionId("approval");
      const part = {
        ...request,
        type: "approval_request" as const,
        approvalId,
        options: request.options ?? [...YES_OR_NO],
      };
      const outcome = await calls.request({ turnId, part, ...(binding === undefined ? {} : { binding }) });
      return { ...outcome, approved: outcome.state === "decided" && outcome.effect === "allow" };
    },
    async ask(request) {
      checkOpen();
      const inputId = request.inputId ?? questionId("input");
      return calls.request({ turnId, part: { ...request, type: "input_request", inputId } });
    },
    tools: createTurnTools(async (name, input) => {
      checkOpen();
      return calls.tool({ turnId, name, input });
    }),
  };
}
