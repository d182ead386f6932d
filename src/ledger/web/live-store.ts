import type { WebAgentStatusRecord } from "../../contracts/web-room-records.ts";
import type { WebLiveStore } from "../../contracts/web-room-store.ts";
import type { Database } from "../connection/database.ts";
import type { Tenants } from "../connection/tenant-database.ts";
import { payloadToNotice, publish, WEB_NOTICE_CHANNEL } from "./notices.ts";
import { PRESENCE_SECONDS } from "./person-columns.ts";

/** An agent that said nothing for this long is no longer shown as working. */
const STATUS_MINUTES = 5;

/** Presence, typing, agents' status and the notices between processes. */
export function createLiveStore(database: Database, tenant: Tenants): WebLiveStore {
  return {
    listen: async (onNotice, onGap) =>
      await database.listen(
        WEB_NOTICE_CHANNEL,
        (payload) => {
          const notice = payloadToNotice(payload);
          if (notice !== undefined) onNotice(notice);
        },
        onGap,
      ),

    typing: async (typing) => await publish(tenant(typing.organizationId), { type: "typing", ...typing }),

    setPresence: async (processId, present) =>
      await database.transaction(async (tx) => {
        const gone = await tx.query<{ organizationId: string; personId: string }>(
          {
            text: `delete from web_presence where (process_id = $1 and person_id <> all($2::text[]))
                     or seen_at < now() - interval '${PRESENCE_SECONDS} seconds'
                   returning organization_id as "organizationId", person_id as "personId"`,
          },
          [processId, present.map((entry) => entry.personId)],
        );
        // xmax is 0 on a row that this statement inserted: only those are news.
        const here = await tx.query<{ organizationId: string; personId: string; isNew: boolean }>(
          {
            text: `insert into web_presence (process_id, person_id, organization_id)
                   select $1, * from unnest($2::text[], $3::text[])
                   on conflict (process_id, person_id) do update set seen_at = now()
                   returning organization_id as "organizationId", person_id as "personId", xmax = 0 as "isNew"`,
          },
          [processId, present.map((entry) => entry.personId), present.map((entry) => entry.organizationId)],
        );
        const changed = [...gone, ...here.filter((row) => row.isNew)];
        await publish(
          tx,
          ...changed.map(({ organizationId, personId }) => ({ type: "presence" as const, organizationId, personId })),
        );
      }),

    setStatus: async (status) =>
      await tenant(status.organizationId).transaction(async (tx) => {
        const { organizationId, roomId, agentId, threadRootId, line, ...identity } = status;
        const key = [roomId, threadRootId ?? "", agentId];
        if (line === "") {
          await tx.query(
            { text: "delete from web_agent_status where room_id = $1 and thread_root_id = $2 and agent_id = $3" },
            key,
          );
        } else {
          await tx.query(
            {
              name: "web_set_status",
              text: `insert into web_agent_status (room_id, thread_root_id, agent_id, organization_id, identity, line)
                     values ($1, $2, $3, $4, $5::jsonb, $6) on conflict (room_id, thread_root_id, agent_id)
                     do update set line = excluded.line, identity = excluded.identity, updated_at = now()`,
            },
            [...key, organizationId, JSON.stringify(identity), line],
          );
        }
        await publish(tx, {
          type: "status",
          organizationId,
          roomId,
          agentId,
          ...(threadRootId === undefined ? {} : { threadRootId }),
        });
      }),

    statuses: async (organizationId, roomId) => {
      const rows = await tenant(organizationId).query<{
        threadRootId: string;
        agentId: string;
        line: string;
        identity: Pick<WebAgentStatusRecord, "handle" | "name" | "color" | "avatarUrl">;
      }>(
        {
          name: "web_statuses",
          text: `select thread_root_id as "threadRootId", agent_id as "agentId", line, identity from web_agent_status
                 where organization_id = $1 and room_id = $2 and updated_at > now() - interval '${STATUS_MINUTES} minutes'`,
        },
        [organizationId, roomId],
      );
      return rows.map(({ threadRootId, agentId, line, identity }) => ({
        roomId,
        agentId,
        line,
        ...identity,
        ...(threadRootId === "" ? {} : { threadRootId }),
      }));
    },
  };
}
