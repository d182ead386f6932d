import type { Database } from "../../ledger/connection/database.ts";
import type { StartedTurn } from "../../ledger/routing.ts";
import { loadTurns } from "../../ledger/turns.ts";
import type { Directory } from "../directory.ts";
import type { TurnEnds } from "../render/turn-ends.ts";
import { fromLoaded } from "./runnable-turn.ts";
import type { TurnRunner } from "./turn-runner.ts";

export interface PromotionPorts {
  readonly database: Database;
  readonly owner: string;
  readonly directory: Directory;
  readonly runner: TurnRunner;
  readonly ends: TurnEnds;
}

/** Begins turns that waited in their queue and are this process's now; one whose agent was removed meanwhile ends. */
export async function startPromoted(ports: PromotionPorts, promoted: readonly StartedTurn[]): Promise<void> {
  const { database, owner, directory, runner, ends } = ports;
  for (const loaded of await loadTurns(
    database,
    promoted.map((turn) => turn.id),
  )) {
    // The sweep may have taken it back while this was being read.
    if (loaded.state !== "running" || loaded.owner !== owner) continue;
    const turn = fromLoaded(loaded, directory);
    if (turn !== undefined) runner.start(turn);
    else await ends.commitWithoutAgent(loaded);
  }
}
