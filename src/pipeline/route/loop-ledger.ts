import type { Envelope } from "../../envelope/envelope.ts";
import type { SqlRunner } from "../../ledger/connection/database.ts";
import { countPairTurns, countRootTurns } from "../../ledger/loop-counts.ts";
import { fromMachine } from "./decide.ts";
import type { LoopFacts } from "./loop-guard.ts";

/** The counts of talk between agents for one round of routing, kept current as turns are planned. */
export interface LoopCounts {
  facts(envelope: Envelope, eventId: string, agentId: string): LoopFacts;
  planned(envelope: Envelope, eventId: string, agentId: string): void;
}

/** Who caused an event, when that was not a person. */
export function actorOf(envelope: Envelope): string | undefined {
  return fromMachine(envelope) ? `${envelope.sender.kind}:${envelope.sender.agent ?? envelope.sender.id}` : undefined;
}

export function rootOf(envelope: Envelope, eventId: string): string {
  return envelope.cause?.rootEventId ?? eventId;
}

/** Loads the counts that these envelopes need; people's messages need none and cost nothing. */
export async function loadLoopCounts(
  sql: SqlRunner,
  envelopes: readonly { id: string; envelope: Envelope }[],
  windowMs: number,
): Promise<LoopCounts> {
  const machines = envelopes.filter(({ envelope }) => fromMachine(envelope));
  const pairs = new Map<string, number>();
  const roots = new Map<string, number>();
  if (machines.length > 0) {
    const actors = [...new Set(machines.map(({ envelope }) => actorOf(envelope) ?? ""))];
    for (const row of await countPairTurns(sql, actors, windowMs)) pairs.set(`${row.actor} ${row.agent_id}`, row.turns);
    for (const row of await countRootTurns(sql, [...new Set(machines.map(({ id, envelope }) => rootOf(envelope, id)))]))
      roots.set(row.root, row.turns);
  }
  return loopCounts(pairs, roots);
}

/** The counts for messages of people, with which nothing has been caused before. */
export function noLoopCounts(): LoopCounts {
  return loopCounts(new Map(), new Map());
}

function loopCounts(pairs: Map<string, number>, roots: Map<string, number>): LoopCounts {
  return {
    facts(envelope, eventId, agentId) {
      const actor = actorOf(envelope);
      return {
        hopCount: envelope.cause?.hopCount ?? 0,
        // A person may ask one agent as often as they like: the pair budget is for machines alone.
        pairTurns: actor === undefined ? 0 : (pairs.get(`${actor} ${agentId}`) ?? 0),
        rootTurns: roots.get(rootOf(envelope, eventId)) ?? 0,
      };
    },
    planned(envelope, eventId, agentId) {
      const pair = `${actorOf(envelope)} ${agentId}`;
      const root = rootOf(envelope, eventId);
      pairs.set(pair, (pairs.get(pair) ?? 0) + 1);
      roots.set(root, (roots.get(root) ?? 0) + 1);
    },
  };
}
