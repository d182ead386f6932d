import { z } from "zod";
import type { MemberFacts } from "../../access/member-facts.ts";
import type { JsonValue } from "../../contracts/json.ts";
import type { RequestOutcome } from "../../contracts/turn-requests.ts";
import { wireKey } from "../../envelope/ids.ts";
import { ApprovalRequestPart, InputRequestPart } from "../../envelope/reply.ts";
import { readNames } from "../../ledger/access-lists.ts";
import { escaped } from "../requests/decided-part.ts";
import { type AskAgentPorts, askAgent } from "./ask-agent.ts";
import { CallId } from "./post-tools.ts";
import { toolError } from "./tool-answer.ts";
import type { ToolSpec, ToolTurn } from "./tool-spec.ts";
import type { TurnWriter } from "./turn-writer.ts";

const Question = InputRequestPart.shape.prompt.pipe(z.string().trim().min(1).max(4_000));
const AskInput = z.strictObject({
  /** `@handle` of an agent, or the id of a person. */
  who: wireKey(512),
  question: Question,
  /** What a person fills in. Default: one answer in words. */
  fields: InputRequestPart.shape.fields.optional(),
  callId: CallId,
});
const ApprovalInput = z.strictObject({
  prompt: Question,
  /** Exactly what is to be done, with its arguments; the decision is about this and nothing else. */
  action: z.string().trim().min(1).max(4_000),
  options: ApprovalRequestPart.shape.options.optional(),
  expiresInMs: z.number().int().min(10_000).max(604_800_000).optional(),
  callId: CallId,
});

/** Questions that an agent asks during its turn and waits for. */
export function askTools(
  ports: AskAgentPorts & { readonly facts: MemberFacts },
  of: ToolTurn,
  writer: TurnWriter,
): readonly ToolSpec[] {
  const { turn, requests } = of;
  const { organizationId, installationId, replyPath } = turn;
  const nameOf = async (id: string): Promise<string> => {
    const { people } = await readNames(ports.database, organizationId, [], [id]);
    return people[0]?.name ?? id;
  };
  const approval: ToolSpec = {
    name: "request_approval",
    description:
      "Asks the people here whether you may do something, shows them exactly what, and waits for their decision.",
    input: ApprovalInput,
    effect: "write",
    needs: "post",
    async execute(input, call) {
      const { prompt, action, options, expiresInMs } = ApprovalInput.parse(input);
      const silence = await writer.silence("request_approval");
      if (silence !== undefined) return silence;
      if (requests === undefined) return toolError("nobody can be asked here");
      const slot = await writer.take("request_approval", call, async () => undefined);
      if ("error" in slot) return slot;
      const outcome = await requests.ask(
        {
          type: "approval_request",
          approvalId: idOf(slot.ordinal),
          prompt,
          subject: action,
          options: options ?? [
            { id: "allow", label: "Allow", effect: "allow" },
            { id: "deny", label: "Deny", effect: "deny" },
          ],
          ...(expiresInMs === undefined ? {} : { expiresInMs }),
        },
        { binding: { tool: "request_approval", action }, signal: call.signal },
      );
      return answerOf(outcome);
    },
  };
  const ask: ToolSpec = {
    name: "ask",
    description:
      "Asks an agent (`@handle`) or a person (their id from `roster`) of this conversation and waits for the answer, which nobody else can give; the question and the answer are visible here.",
    input: AskInput,
    effect: "write",
    needs: "post",
    async execute(input, call) {
      const { who, question, fields } = AskInput.parse(input);
      const silence = await writer.silence("ask");
      if (silence !== undefined) return silence;
      if (who.startsWith("@") && ports.directory.byHandle(organizationId, who.slice(1)) !== undefined)
        return await of.standStill(() => askAgent(ports, turn, writer, { handle: who.slice(1), text: question, call }));
      const fact = await ports.facts.of({ organizationId, installationId, path: replyPath, personId: who });
      if (fact.membership !== "in") return toolError("nobody of that name or id is a member of this conversation now");
      if (requests === undefined) return toolError("people cannot be asked here");
      const slot = await writer.take("ask", call, async () => undefined);
      if ("error" in slot) return slot;
      const name = of.request.roster.find(({ id }) => id === who)?.name ?? (await nameOf(who));
      const outcome = await requests.ask(
        {
          type: "input_request",
          inputId: idOf(slot.ordinal),
          prompt: `For ${escaped(name)}: ${question}`,
          fields: fields ?? [{ id: "answer", label: "Answer", kind: "paragraph", required: true }],
        },
        { binding: { tool: "ask", who, question }, addresseeId: who, signal: call.signal },
      );
      return answerOf(outcome);
    },
  };
  return [ask, approval];
}

function idOf(ordinal: number): string {
  return `tool-${ordinal}`;
}

function answerOf(outcome: RequestOutcome): JsonValue {
  if (outcome.state !== "decided") return { ...outcome };
  const { optionId, effect, fields, by } = outcome;
  return {
    state: "decided",
    ...(optionId === undefined ? {} : { option: optionId }),
    ...(effect === undefined ? {} : { effect }),
    ...(Object.keys(fields).length === 0 ? {} : { fields }),
    // A name says nothing for sure: two may have the same, and people choose theirs.
    by: { id: by.id, name: by.name },
  };
}
