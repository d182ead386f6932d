import { defineAgent } from "../../../agents/shared/agent-function.ts";
import type { TurnRequests } from "../../../src/contracts/turn-requests.ts";
import type { ReplyPartInput } from "../../../src/envelope/reply.ts";

export const APPROVAL: Extract<ReplyPartInput, { type: "approval_request" }> = {
  type: "approval_request",
  approvalId: "deploy",
  prompt: "Shall I deploy?",
  options: [
    { id: "yes", label: "Deploy", effect: "allow" },
    { id: "no", label: "Leave it", effect: "deny" },
  ],
};

export const FORM: Extract<ReplyPartInput, { type: "input_request" }> = {
  type: "input_request",
  inputId: "version",
  prompt: "Which version?",
  fields: [{ id: "v", label: "Version", kind: "text", required: true }],
};

/** What of a message is an order to the agent: `live` and `form` ask and wait, `ask` asks at the end; `arguments=…` and `within=…` say what about and for how long. */
interface Order {
  readonly word: string;
  readonly about: string;
  readonly withinMs: number | undefined;
}

function orderOf(text: string): Order {
  return {
    word: /\b(live|form|ask|twice|deploying)\b/u.exec(text)?.[1] ?? "",
    about: /\barguments=(\S+)/u.exec(text)?.[1] ?? "",
    withinMs: Number(/\bwithin=(\d+)/u.exec(text)?.[1] ?? "0") || undefined,
  };
}

/** An agent that asks people, in the middle of its turn or at its end, and says what came of it. */
export default defineAgent(async function* (request, io) {
  const { action } = request.trigger;
  if (action !== undefined) {
    yield `Heard ${action.actionId}=${action.value ?? JSON.stringify(action.fields)}.`;
    return;
  }
  const { word, about, withinMs } = orderOf(request.trigger.text);
  const approval = withinMs === undefined ? APPROVAL : { ...APPROVAL, expiresInMs: withinMs };
  const ask = async (part: typeof APPROVAL | typeof FORM, binding: unknown): Promise<string> => {
    const { requests } = io;
    if (requests === undefined) throw new Error("nobody can be asked");
    return saidOf(await requests.ask(part, { binding, signal: io.signal }));
  };
  if (word === "live") yield `${await ask(approval, { tool: "deploy", about })} in attempt ${request.attempt}`;
  if (word === "twice")
    yield `First ${await ask(approval, { about: 1 })}; then ${await ask(approval, { about: 2 })}; again ${await ask(approval, { about: 1 })}`;
  if (word === "form") yield await ask(FORM, about);
  if (word === "ask") {
    yield "One question.";
    yield approval;
  }
});

function saidOf(outcome: Awaited<ReturnType<TurnRequests["ask"]>>): string {
  if (outcome.state !== "decided") return `It was ${outcome.state}`;
  const { optionId, effect, fields, by } = outcome;
  const filled = Object.keys(fields).length === 0 ? "" : ` with ${JSON.stringify(fields)}`;
  return `Decided ${optionId ?? "form"} (${effect ?? "none"})${filled} by ${by.name}`;
}
