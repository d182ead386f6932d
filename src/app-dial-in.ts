import { DialInHub } from "../agents/socket/index.ts";
import type { ChatAdapter } from "./contracts/adapter.ts";
import type { AgentPresence } from "./contracts/dial-in.ts";
import type { Logger } from "./contracts/logger.ts";
import { ringQueuedOf } from "./ledger/agent-connections.ts";
import { AGENTS_CHANGED } from "./ledger/agents.ts";
import type { Database } from "./ledger/connection/database.ts";
import type { NewId } from "./ledger/row-ids.ts";
import { retryDeadlocks } from "./ledger/sql-states.ts";
import { createAwayNotices } from "./pipeline/dial-in/away-notices.ts";
import { createConnectionBook } from "./pipeline/dial-in/connection-book.ts";
import type { Directory } from "./pipeline/directory.ts";

interface DialInParts {
  readonly database: Database;
  readonly directory: Directory;
  readonly newId: NewId;
  /** Keys of the hashes of agents' tokens. */
  readonly keys: readonly [Buffer, ...Buffer[]];
  readonly logger: Logger;
  readonly roles: { readonly worker: boolean; readonly delivery: boolean };
}

/** What dial-in agents need once the pipeline is there. */
interface Running {
  readonly wake: () => void;
  readonly adapters: ReadonlyMap<string, ChatAdapter>;
}

/** The agents that dial in to this process, and what is known of those elsewhere. */
export interface DialIn {
  readonly hub: DialInHub;
  /** Whether an agent that dials in is there; undefined for an agent of another kind. */
  readonly presenceOf: (agentId: string) => AgentPresence | undefined;
  start(running: Running): Promise<void>;
  /** Tells the agents to dial in elsewhere; their turns go on for as long as they come back in time. */
  drain(): void;
  stop(): Promise<void>;
}

/** Composes the hub of dial-in agents with the ledger: who is where, whose token is good, and whose turns wait. */
export function createDialIn(parts: DialInParts): DialIn {
  const { database, directory, newId, logger } = parts;
  let running: Running | undefined;
  let notices: ReturnType<typeof createAwayNotices> | undefined;
  let stopWatching: (() => Promise<void>) | undefined;

  /** Turns that waited for this agent begin. */
  async function ring(agentId: string): Promise<void> {
    if ((await retryDeadlocks(() => ringQueuedOf(database, agentId))) > 0) running?.wake();
  }

  const ringQuietly = (agentId: string): void =>
    void ring(agentId).catch((error: unknown) =>
      logger.warn({ err: error, agentId }, "turns that waited for an agent could not be made due"),
    );

  const book = createConnectionBook({
    database,
    processId: newId("h"),
    keys: parts.keys,
    logger,
    listener: {
      here: (agentId) => hub.connectionOf(agentId)?.id,
      moved: (agentId, here) => hub.yieldAgent(agentId, here),
      revoked: (agentId) => hub.revoke(agentId, "The token was rotated or revoked."),
      work: (agentId) => {
        if (hub.connectionOf(agentId) !== undefined) ringQuietly(agentId);
      },
    },
  });
  const hub = new DialInHub({ book, newId, logger, onAttached: ringQuietly });

  /** Agents that were removed or stopped are disconnected at once. */
  function dismiss(): void {
    for (const { principal } of hub.connections()) {
      const agent = directory.get(principal.agentId);
      if (agent === undefined) hub.revoke(principal.agentId, "The agent was removed.");
      else if (agent.status === "stopped") hub.revoke(principal.agentId, "The agent was stopped.");
    }
  }

  const dismissQuietly = (): void =>
    void directory
      .refresh()
      .then(dismiss)
      .catch((error: unknown) => logger.warn({ err: error }, "agents that were removed could not be looked for"));

  return {
    hub,
    presenceOf: (agentId) =>
      directory.get(agentId)?.definition.connector.kind === "socket" ? book.presenceOf(agentId) : undefined,
    async start(now) {
      running = now;
      await book.start();
      stopWatching = await database.listen(AGENTS_CHANGED, dismissQuietly, dismissQuietly);
      if (!parts.roles.worker) return;
      hub.start();
      notices = createAwayNotices({ database, directory, adapters: now.adapters, logger, wake: now.wake });
      notices.start();
    },
    drain: () => hub.drain(),
    async stop() {
      await notices?.stop();
      await hub.close();
      await stopWatching?.();
      await book.stop();
    },
  };
}
