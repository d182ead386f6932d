import type { WebEventRecord } from "../../contracts/web-room-records.ts";
import type { WebEventsStore } from "../../contracts/web-room-store.ts";
import type { Database } from "../connection/database.ts";
import type { Tenants } from "../connection/tenant-database.ts";
import { appendToLog, isMember, lockRoom } from "./room-log.ts";
import { type Nullable, withoutNulls } from "./room-views.ts";
import { isoSql } from "./sql-errors.ts";

/** Bounds one sweep, so that a long outage is worked off in bites. */
const MAX_ROOMS_PER_SWEEP = 200;

const PENDING_SQL = `
  select e.organization_id as "organizationId", e.room_id as "roomId", e.seq, e.kind, e.body, e.thread_root_id as "threadRootId",
    e.revision, e.person_id as "personId", pe.name as "personName", pe.external as "personExternal", pe.role as "personRole", e.trace_id as "traceId", ${isoSql("e.occurred_at")} as "occurredAt",
    jsonb_strip_nulls(jsonb_build_object('name', r.name, 'kind', r.kind, 'agentHandle', r.agent_handle)) as room
  from web_events e join web_rooms r on r.id = e.room_id left join web_people pe on pe.id = e.person_id
  where e.organization_id = $1 and e.room_id = $2 and e.ingested_at is null order by e.seq limit $3`;

/** The platform log of the web room; what sweeps through all organizations does so as the ledger's owner. */
export function createEventsStore(database: Database, tenant: Tenants): WebEventsStore {
  return {
    append: async ({ organizationId, roomId, personId, threadRootId, event }) =>
      await tenant(organizationId).transaction(async (tx) => {
        const room = await lockRoom(tx, organizationId, roomId);
        if (room === undefined || !(await isMember(tx, organizationId, roomId, personId))) return false;
        await appendToLog(tx, room, { ...event, personId, threadRootId });
        return true;
      }),

    pending: async (organizationId, roomId, limit) => {
      const rows = await tenant(organizationId).query<Nullable<WebEventRecord>>(
        { name: "web_pending_events", text: PENDING_SQL },
        [organizationId, roomId, limit],
      );
      return rows.map(withoutNulls);
    },

    roomsWithPending: async (olderThanMs) =>
      await database.query<{ organizationId: string; roomId: string }>(
        {
          name: "web_rooms_with_pending",
          text: `select organization_id as "organizationId", room_id as "roomId" from web_events
                 where ingested_at is null and occurred_at <= now() - $1::float8 * interval '1 millisecond'
                 group by 1, 2 limit ${MAX_ROOMS_PER_SWEEP}`,
        },
        [olderThanMs],
      ),

    markIngested: async (roomId, seqs) => {
      await database.query(
        {
          name: "web_mark_ingested",
          text: "update web_events set ingested_at = now() where room_id = $1 and seq = any($2::bigint[]) and ingested_at is null",
        },
        [roomId, seqs],
      );
    },

    prune: async (olderThanMs) => {
      const age = "now() - $1::float8 * interval '1 millisecond'";
      await database.query({ text: `delete from web_events where ingested_at < ${age}` }, [olderThanMs]);
      await database.query({ text: `delete from web_sign_in_links where expires_at < ${age}` }, [olderThanMs]);
      await database.query({ text: `delete from web_sessions where expires_at < ${age} or revoked_at < ${age}` }, [
        olderThanMs,
      ]);
      const files = await database.query<{ storedName: string }>(
        {
          text: `delete from web_uploads where post_id is null and created_at < ${age} returning stored_name as "storedName"`,
        },
        [olderThanMs],
      );
      return { unusedFiles: files.map((file) => file.storedName) };
    },
  };
}
