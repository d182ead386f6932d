import type { AgentPresence, DialInPrincipal } from "../../contracts/dial-in.ts";
import type { Logger } from "../../contracts/logger.ts";
import {
  attachAgent,
  beatConnections,
  type ConnectionRow,
  DIAL_IN_CHANGED,
  detachAgent,
  listConnections,
} from "../../ledger/agent-connections.ts";
import type { Database } from "../../ledger/connection/database.ts";
import { verifyAgentToken } from "../operations/agent-tokens.ts";

/** Which agent is connected where, by the ledger; what other processes do is known a moment later. */
export interface ConnectionBook {
  verify(token: string): Promise<DialInPrincipal | undefined>;
  attached(agent: {
    readonly connectionId: string;
    readonly principal: DialInPrincipal;
    readonly client: string;
  }): Promise<boolean>;
  detached(agent: { readonly connectionId: string; readonly principal: DialInPrincipal }): Promise<void>;
  beat(connectionIds: readonly string[]): Promise<ReadonlySet<string>>;
  isElsewhere(agentId: string): boolean;
  presenceOf(agentId: string): AgentPresence;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** What another process, or an operator, did about agents. */
export interface BookListener {
  /** The connection that an agent has in this process, if any. */
  here(agentId: string): string | undefined;
  /** An agent is in another process now; `here` is the connection it had in this one when that was read. */
  moved(agentId: string, here: string | undefined): void;
  revoked(agentId: string): void;
  /** Turns of this agent wait for whoever has it. */
  work(agentId: string): void;
}

export interface BookOptions {
  readonly database: Database;
  readonly processId: string;
  readonly keys: readonly [Buffer, ...Buffer[]];
  readonly listener: BookListener;
  readonly logger: Logger;
}

/** How often everything is read again, for what a lost notification or a killed process left, in ms. */
const READ_AGAIN_MS = 15_000;

export function createConnectionBook(options: BookOptions): ConnectionBook {
  const { database, processId, listener } = options;
  let rows = new Map<string, ConnectionRow>();
  let timer: NodeJS.Timeout | undefined;
  let stopListening: (() => Promise<void>) | undefined;

  /** What is here is asked before the ledger is read: a connection that comes meanwhile is newer than what was read. */
  function compare(row: ConnectionRow | undefined, here: string | undefined): void {
    if (row?.live === true && row.process_id !== processId) listener.moved(row.agent_id, here);
  }

  async function readAll(): Promise<void> {
    const here = new Map([...rows.keys()].map((agentId) => [agentId, listener.here(agentId)]));
    const read = await listConnections(database);
    rows = new Map(read.map((row) => [row.agent_id, row]));
    for (const row of read) if (here.has(row.agent_id)) compare(row, here.get(row.agent_id));
  }

  async function readOne(agentId: string): Promise<void> {
    const here = listener.here(agentId);
    const [row] = await listConnections(database, { agentId });
    if (row === undefined) rows.delete(agentId);
    else rows.set(agentId, row);
    compare(row, here);
  }

  const quietly = (work: Promise<void>): void =>
    void work.catch((error: unknown) => options.logger.warn({ err: error }, "where agents are could not be read"));

  function hear(payload: string): void {
    const [what, agentId = ""] = payload.split(" ");
    if (what === "attached" || what === "detached") quietly(readOne(agentId));
    if (what === "revoked") listener.revoked(agentId);
    if (what === "work") listener.work(agentId);
  }

  return {
    verify: (token) => verifyAgentToken(database, options.keys, token),
    attached: ({ connectionId, client, principal: { agentId, organizationId, tokenId } }) =>
      attachAgent(database, { agentId, organizationId, tokenId, processId, connectionId, client }),
    detached: ({ connectionId, principal }) => detachAgent(database, principal.agentId, connectionId),
    beat: (connectionIds) => beatConnections(database, connectionIds),
    isElsewhere(agentId) {
      const row = rows.get(agentId);
      return row !== undefined && row.live && row.process_id !== processId;
    },
    presenceOf(agentId) {
      const row = rows.get(agentId);
      if (row === undefined) return { state: "away" };
      return {
        state: row.live ? "connected" : "away",
        since: row.since.toISOString(),
        ...(row.client !== null && { client: row.client }),
      };
    },
    async start() {
      stopListening = await database.listen(DIAL_IN_CHANGED, hear, () => quietly(readAll()));
      await readAll();
      timer = setInterval(() => quietly(readAll()), READ_AGAIN_MS).unref();
    },
    async stop() {
      clearInterval(timer);
      await stopListening?.();
    },
  };
}
