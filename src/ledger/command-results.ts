import type { CommandResult } from "../contracts/connector.ts";
import type { Database } from "./connection/database.ts";
import type { SecretBox, SecretPlace } from "./secret-box.ts";
import { holdTurn, type TurnFence, type TurnSource } from "./turn-sources.ts";

/** An agent in one conversation. */
export interface CommandPlace {
  readonly organizationId: string;
  readonly agentId: string;
  readonly sessionKey: string;
}

/** What the commands of an earlier turn came to, with what that turn had read elsewhere. */
export interface KeptResults {
  readonly turnId: string;
  readonly askerId: string | null;
  readonly results: readonly CommandResult[];
  readonly sources: readonly TurnSource[];
}

/** Keeps what commands came to until the agent's next turn in that conversation has ended; encrypted. */
export interface CommandResultStore {
  /** Results of earlier turns than this one, the oldest first. */
  read(place: CommandPlace, turnId: string): Promise<readonly KeptResults[]>;
  /** Replaces what was kept of earlier turns, while this one is ours; false when it is over. Without results it forgets. */
  write(
    place: CommandPlace,
    kept: { readonly fence: TurnFence; readonly askerId: string | null; readonly results: readonly CommandResult[] },
  ): Promise<boolean>;
}

export function createCommandResultStore(database: Database, box: SecretBox): CommandResultStore {
  const placeOf = ({ organizationId, agentId, sessionKey }: CommandPlace, turnId: string): SecretPlace => ({
    organizationId,
    platform: "agent",
    installationId: agentId,
    field: `commands:${sessionKey}:${turnId}`,
  });
  return {
    async read(place, turnId) {
      const rows = await database.query<{
        turn_id: string;
        asker_id: string | null;
        value: string;
        sources: readonly TurnSource[] | null;
      }>(
        {
          name: "read_command_results",
          text: `select r.turn_id, r.asker_id, r.value, (select jsonb_agg(jsonb_build_object('installationId', s.installation_id, 'channelId', s.channel_id, 'threadId', s.thread_id,
              'messageIds', s.message_ids, 'path', (select o.path from conversations o where o.installation_id = s.installation_id and o.channel_id = s.channel_id
                and coalesce(o.thread_id, '') = s.thread_id limit 1))) from turn_sources s where s.turn_id = r.turn_id) as sources
            from command_results r where r.agent_id = $1 and r.session_key = $2 and r.turn_id <> $3 order by r.created_at`,
        },
        [place.agentId, place.sessionKey, turnId],
      );
      return rows.map((row) => {
        const { json = "[]" } = box.open(placeOf(place, row.turn_id), row.value);
        return {
          turnId: row.turn_id,
          askerId: row.asker_id,
          results: JSON.parse(json) as CommandResult[], // sealed here from exactly that type
          sources: row.sources ?? [],
        };
      });
    },
    async write(place, { fence, askerId, results }) {
      return await database.transaction(async (tx) => {
        if (!(await holdTurn(tx, fence))) return false;
        await tx.query(
          {
            name: "forget_command_results",
            text: "delete from command_results where agent_id = $1 and session_key = $2",
          },
          [place.agentId, place.sessionKey],
        );
        if (results.length === 0) return true;
        const value = box.seal(placeOf(place, fence.turnId), { json: JSON.stringify(results) });
        await tx.query(
          {
            name: "write_command_results",
            text: "insert into command_results (agent_id, session_key, turn_id, organization_id, asker_id, value) values ($1, $2, $3, $4, $5, $6)",
          },
          [place.agentId, place.sessionKey, fence.turnId, place.organizationId, askerId, value],
        );
        return true;
      });
    },
  };
}
