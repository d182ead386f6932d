import { isoSql } from "./sql-errors.ts";

/** A person counts as present this long after the last word of a process that holds a socket of theirs. */
export const PRESENCE_SECONDS = 45;
/** Columns of a WebPersonRecord, over `web_people pe`. */
export const PERSON_COLUMNS = `pe.organization_id as "organizationId", pe.id as "personId", pe.name, pe.role, pe.active, pe.external,
  exists (select 1 from web_presence pr where pr.person_id = pe.id
          and pr.seen_at > now() - interval '${PRESENCE_SECONDS} seconds') as online`;

/** Columns of a WebSessionRecord, over `web_sessions s join web_people pe`. */
export const SESSION_COLUMNS = `s.id as "sessionId", s.organization_id as "organizationId", pe.id as "personId", pe.name as "personName",
  pe.role, s.user_agent as "userAgent", ${isoSql("s.created_at")} as "createdAt", ${isoSql("s.last_seen_at")} as "lastSeenAt",
  ${isoSql("s.expires_at")} as "expiresAt"`;
