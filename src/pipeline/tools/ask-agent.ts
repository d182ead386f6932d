import { setTimeout as pause } from "node:timers/promises";
import type { PolicyBook } from "../../access/policy-book.ts";
import type { IngestOutcome } from "../../contracts/adapter-sink.ts";
import type { JsonValue } from "../../contracts/json.ts";
import type { EnvelopeInput } from "../../envelope/envelope.ts";
import { partToText, type ReplyPart } from "../../envelope/reply.ts";
import { type AskedTurn, readAskedTurn, waitsForTurn } from "../../ledger/asked-turns.ts";
import { appendAudit } from "../../ledger/audit-log.ts";
import type { Database } from "../../ledger/connection/database.ts";
import { agentMay, senderMay } from "../agent-grant.ts";
import type { Directory, DirectoryAgent } from "../directory.ts";
import type { RunnableTurn } from "../invoke/runnable-turn.ts";
import { agentMessage } from "../render/agent-message.ts";
import { toolError } from "./tool-answer.ts";
import type { ToolCall } from "./tool-spec.ts";
import type { TurnWriter } from "./turn-writer.ts";

export interface AskAgentPorts {
  readonly database: Database;
  readonly directory: Directory;
  readonly policies: PolicyBook;
  readonly ingest: (envelope: EnvelopeInput) => Promise<IngestOutcome>;
}

const LOOK_EVERY_MS = 150;
const MAX_LOOK_EVERY_MS = 1_000;
const MAX_ANSWER_CHARS = 40_000;
/** What an agent that was asked still says to be waited for. */
const GONE: ReadonlySet<string> = new Set(["cancelled", "superseded", "expired", "dead_lettered"]);

/**
 * Asks another agent of the conversation and waits for its answer: the question is posted, the other agent gets a turn of its own for it, one hop
 * further, and what it replies is both posted and handed back. Loop guard, hop count and the rights of whoever asked decide as for any message.
 */
export async function askAgent(
  ports: AskAgentPorts,
  turn: RunnableTurn,
  writer: TurnWriter,
  question: { readonly handle: string; readonly text: string; readonly call: ToolCall },
): Promise<JsonValue> {
  const { handle, text, call } = question;
  const asked = ports.directory.byHandle(turn.organizationId, handle);
  if (asked?.agentId === turn.agent.agentId) return toolError("you cannot ask yourself");
  const rule = asked === undefined ? "unknown_agent" : await whyNot(ports, turn, asked);
  if (asked === undefined || rule !== undefined) {
    const entry = { by: turn.agent.agentId, turn: turn.turnId, tool: "ask", action: "start_agent", rule: rule ?? "" };
    await ports.database.transaction((tx) => appendAudit(tx, turn.organizationId, [{ what: "denied", ...entry }]));
    return toolError(
      rule === "it_waits_for_you"
        ? `@${handle} is waiting for you, and would wait for ever`
        : `there is no agent @${handle} that you can ask here (${rule})`,
    );
  }
  const posted = await writer.post("ask", call, {
    conversationId: turn.replyConversationId,
    path: turn.replyPath,
    parts: [{ type: "text", markdown: `@${handle} ${text}` }],
  });
  if ("error" in posted) return posted;
  const [first] = posted.posts;
  if (first === undefined || first.message_id === null) return toolError("the question could not be posted in time");
  const { eventId } = await ports.ingest(
    agentMessage(turn, {
      agents: [asked.handle],
      text,
      messageId: first.message_id,
      platformOrder: first.platform_order ?? first.message_id,
      dedupeKey: `ask:${turn.turnId}:${posted.ordinal}`,
    }),
  );
  return await answerOf(ports.database, { eventId, agentId: asked.agentId, handle }, call.signal);
}

async function whyNot(ports: AskAgentPorts, turn: RunnableTurn, asked: DirectoryAgent): Promise<string | undefined> {
  const where = { installationId: turn.installationId, path: turn.replyPath };
  const book = ports.policies.of(turn.organizationId);
  if (asked.status !== "active") return `agent_${asked.status}`;
  const may = agentMay(asked, "post", where, book);
  if (!may.allowed) return may.rule;
  const start = senderMay(turn.envelope.sender, "start_agent", where, book);
  if (!start.allowed) return `sender_${start.rule}`;
  const waits = await waitsForTurn(ports.database, { agentId: asked.agentId, turnId: turn.turnId });
  return waits ? "it_waits_for_you" : undefined;
}

async function answerOf(
  database: Database,
  asked: { readonly eventId: string; readonly agentId: string; readonly handle: string },
  signal: AbortSignal,
): Promise<JsonValue> {
  for (let waitMs = LOOK_EVERY_MS; ; waitMs = Math.min(MAX_LOOK_EVERY_MS, waitMs * 1.2)) {
    const row = await readAskedTurn(database, asked);
    const answer = row === undefined ? undefined : toAnswer(row, asked);
    if (answer !== undefined) return answer;
    if (signal.aborted) return toolError("the turn is over");
    await pause(waitMs, undefined, { signal }).catch(() => undefined);
  }
}

/** Undefined as long as there is nothing to tell. */
function toAnswer(row: AskedTurn, { agentId, handle }: { agentId: string; handle: string }): JsonValue | undefined {
  if (row.turn_id === null) {
    if (row.event_state === "pending" || row.event_state === "steering") return undefined;
    const decision = row.decisions?.flatMap(({ agents }) => agents).find(({ agent }) => agent === agentId);
    if (row.event_state === "answered")
      return { agent: `@${handle}`, answer: null, note: "it was told, and is at work on something else" };
    return toolError(`@${handle} did not take the question (${decision?.rule ?? row.event_reason ?? row.event_state})`);
  }
  if (row.state !== null && GONE.has(row.state))
    return toolError(`@${handle} did not answer (${row.state_reason ?? row.state})`);
  if (row.reply === null || row.reply === undefined) return undefined;
  const { parts } = row.reply as { parts: readonly ReplyPart[] }; // written from a validated reply
  const text = parts.map(partToText).join("\n\n").slice(0, MAX_ANSWER_CHARS).toWellFormed();
  return { agent: `@${handle}`, answer: text };
}
