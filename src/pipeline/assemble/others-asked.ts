import type { TurnRequest } from "../../contracts/connector.ts";
import type { SqlRunner } from "../../ledger/connection/database.ts";
import { listAnswered } from "../../ledger/turns.ts";
import type { Directory } from "../directory.ts";
import type { RunnableTurn } from "../invoke/runnable-turn.ts";

/**
 * Which other agents the same message asks, and which of them have answered it already, as handles.
 *
 * Empty where the message asks this agent alone, without a look at the ledger.
 */
export async function othersAsked(
  sql: SqlRunner,
  directory: Directory,
  turn: RunnableTurn,
): Promise<Pick<TurnRequest, "alsoAsked" | "answeredBy">> {
  const named = "mentions" in turn.envelope.body ? turn.envelope.body.mentions.agents : [];
  const asked = named
    .map((name) => directory.get(name) ?? directory.byHandle(turn.organizationId, name))
    .filter((agent) => agent !== undefined && agent.agentId !== turn.agent.agentId)
    .flatMap((agent) => (agent?.definition.shadow === undefined && agent !== undefined ? [agent.handle] : []));
  if (asked.length === 0) return {};
  const answered = await listAnswered(sql, turn.eventId);
  const answeredBy = answered
    .map((agentId) => directory.get(agentId)?.handle)
    .filter((handle) => handle !== undefined && asked.includes(handle));
  return { alsoAsked: [...new Set(asked)], answeredBy: answeredBy.filter((handle) => handle !== undefined) };
}
