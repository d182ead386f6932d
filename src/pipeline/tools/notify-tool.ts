import { z } from "zod";
import type { FactPlace, MemberFacts } from "../../access/member-facts.ts";
import type { ChatAdapter } from "../../contracts/adapter.ts";
import { wireKey } from "../../envelope/ids.ts";
import { TextPart } from "../../envelope/reply.ts";
import { toParleyError } from "../../errors/parley-error.ts";
import { appendAudit } from "../../ledger/audit-log.ts";
import type { Database } from "../../ledger/connection/database.ts";
import { finishWrite, returnWrite } from "../../ledger/turn-writes.ts";
import type { ReadingRights } from "../assemble/reading-rights.ts";
import type { RunnableTurn } from "../invoke/runnable-turn.ts";
import { isShadowed } from "../invoke/shadow.ts";
import { targetOf } from "../invoke/turn-runner.ts";
import { mayReadAll } from "../render/source-guard.ts";
import { CallId } from "./post-tools.ts";
import { toolError } from "./tool-answer.ts";
import type { ToolSpec } from "./tool-spec.ts";
import type { TurnWriter } from "./turn-writer.ts";

const Input = z.strictObject({
  member: wireKey(512),
  text: TextPart.shape.markdown.pipe(z.string().trim().min(1).max(20_000)),
  callId: CallId,
});
const TIMEOUT_MS = 20_000;

export interface NotifyPorts {
  readonly database: Database;
  readonly facts: MemberFacts;
  readonly rights: ReadingRights;
  readonly adapter: (platform: string) => ChatAdapter;
}

/**
 * Tells one member of the conversation something that nobody else sees; exists where the platform has a way to.
 *
 * Whoever is not a member now is told nothing. What may have been shown is not shown again by a later attempt.
 */
export function notifyTool(ports: NotifyPorts, turn: RunnableTurn, writer: TurnWriter): readonly ToolSpec[] {
  const { database, facts, rights } = ports;
  const feature = ports.adapter(turn.platform).features.privately;
  if (feature === undefined) return [];
  const { organizationId, installationId, replyPath } = turn;
  const here: FactPlace = { organizationId, installationId, path: replyPath };
  return [
    {
      name: "notify_member",
      description: "Shows a message to one member of this conversation alone, by their id from `roster`.",
      input: Input,
      effect: "write",
      needs: "post",
      async execute(input, call) {
        const { member, text } = Input.parse(input);
        if (isShadowed(turn)) return toolError("you are in shadow here: you tell nobody anything");
        const fact = await facts.of({ ...here, personId: member });
        const reads =
          fact.membership === "in" && (await mayReadAll(rights, facts, organizationId, member, turn.sources.list()));
        if (!reads) {
          const rule = fact.membership === "in" ? "member_may_not_read_the_sources" : "not_a_member";
          const entry = { by: turn.agent.agentId, turn: turn.turnId, tool: "notify_member", action: "post", rule };
          await database.transaction((tx) => appendAudit(tx, organizationId, [{ what: "denied", ...entry }]));
          return toolError(
            fact.membership === "in"
              ? "you have read a conversation that they may not read"
              : "nobody of that id is a member of this conversation now",
          );
        }
        const slot = await writer.take("notify_member", call, async () => undefined);
        if ("error" in slot) return slot;
        if (slot.state === "known")
          return slot.result ?? toolError("it is not known whether it was shown; it is not shown again");
        try {
          await feature.show({
            target: { ...targetOf(turn), askerId: member },
            personId: member,
            identity: turn.agent.identity,
            parts: [{ type: "text", markdown: text }],
            idempotencyKey: `${turn.turnId}:tool:${slot.ordinal}`,
            signal: AbortSignal.any([call.signal, AbortSignal.timeout(TIMEOUT_MS)]),
          });
        } catch (thrown) {
          const error = toParleyError(thrown, "PLATFORM_OUTCOME_UNKNOWN");
          if (error.delivery !== "not_sent") return toolError("it is not known whether it was shown");
          await returnWrite(database, turn.turnId, call.key);
          return toolError(`it was not shown (${error.code}: ${error.row.userText})`);
        }
        const result = { shown: true };
        await finishWrite(database, turn.turnId, call.key, result);
        return result;
      },
    },
  ];
}
