import { ParleyError } from "../errors/parley-error.ts";
import type { Database } from "./connection/database.ts";
import type { SecretBox, SecretPlace } from "./secret-box.ts";

/** Small enough that what it locks is free again within milliseconds. */
const BATCH = 100;

interface SealedRow {
  readonly id: string;
  readonly field: string;
  readonly organizationId: string;
  readonly platform: string;
  readonly sealed: Buffer;
}

interface Kind {
  readonly name: string;
  /** After ($1, $2), at most $3 of them, not beginning with $4. */
  readonly select: string;
  /** Row ($1, $2) gets $3 if it still holds $4. */
  readonly replace: string;
  /** Several rows share an id; what tells them apart is the field. */
  readonly manyPerId?: true;
}

const begins = (bytes: string): string => `substring(${bytes} from 1 for length($4::bytea)) <> $4::bytea`;

const base64 = (bytes: string): string => `translate(encode(${bytes}::bytea, 'base64'), E'\\n', '')`;
const COMMANDS = "'commands:' || r.session_key || ':' || r.turn_id";

const KINDS: readonly Kind[] = [
  {
    name: "installations",
    select: `select id, 'secrets' as field, organization_id as "organizationId", platform, decode(secrets, 'base64') as sealed
      from installations where secrets is not null and (id, '') > ($1, $2) and ${begins("decode(secrets, 'base64')")} order by id limit $3`,
    replace:
      "update installations set secrets = translate(encode($3::bytea, 'base64'), E'\\n', '') where id = $1 and $2::text is not null and decode(secrets, 'base64') = $4::bytea",
  },
  {
    name: "agents",
    select: `select id, 'secrets' as field, organization_id as "organizationId", 'agent' as platform, decode(secrets, 'base64') as sealed
      from agents where secrets is not null and (id, '') > ($1, $2) and ${begins("decode(secrets, 'base64')")} order by id limit $3`,
    replace:
      "update agents set secrets = translate(encode($3::bytea, 'base64'), E'\\n', '') where id = $1 and $2::text is not null and decode(secrets, 'base64') = $4::bytea",
  },
  {
    name: "adapter_state",
    manyPerId: true,
    select: `select s.installation_id as id, 'state:' || s.key as field, i.organization_id as "organizationId", i.platform, s.value as sealed
      from adapter_state s join installations i on i.id = s.installation_id
      where (s.installation_id, 'state:' || s.key) > ($1, $2) and ${begins("s.value")} order by s.installation_id, 'state:' || s.key limit $3`,
    replace:
      "update adapter_state set value = $3 where installation_id = $1 and 'state:' || key = $2 and value = $4::bytea",
  },
  {
    name: "a2a_tasks",
    select: `select id, 'push' as field, organization_id as "organizationId", 'a2a' as platform, decode(push->>'sealed', 'base64') as sealed
      from a2a_tasks where push is not null and (id, '') > ($1, $2) and ${begins("decode(push->>'sealed', 'base64')")} order by id limit $3`,
    replace:
      "update a2a_tasks set push = push || jsonb_build_object('sealed', translate(encode($3::bytea, 'base64'), E'\\n', '')) where id = $1 and $2::text is not null and decode(push->>'sealed', 'base64') = $4::bytea",
  },
  {
    name: "agent_sessions",
    manyPerId: true,
    select: `select s.agent_id as id, 'session:' || s.session_key as field, s.organization_id as "organizationId", 'agent' as platform, decode(s.value, 'base64') as sealed
      from agent_sessions s
      where (s.agent_id, 'session:' || s.session_key) > ($1, $2) and ${begins("decode(s.value, 'base64')")} order by s.agent_id, 'session:' || s.session_key limit $3`,
    replace:
      "update agent_sessions set value = translate(encode($3::bytea, 'base64'), E'\\n', '') where agent_id = $1 and 'session:' || session_key = $2 and decode(value, 'base64') = $4::bytea",
  },
  {
    name: "command_results",
    manyPerId: true,
    select: `select r.agent_id as id, ${COMMANDS} as field, r.organization_id as "organizationId", 'agent' as platform, decode(r.value, 'base64') as sealed
      from command_results r where (r.agent_id, ${COMMANDS}) > ($1, $2) and ${begins("decode(r.value, 'base64')")} order by r.agent_id, ${COMMANDS} limit $3`,
    replace: `update command_results r set value = ${base64("$3")} where r.agent_id = $1 and ${COMMANDS} = $2 and decode(r.value, 'base64') = $4::bytea`,
  },
  {
    name: "audit_keys",
    select: `select id::text as id, 'key' as field, '*' as "organizationId", 'audit' as platform, decode(sealed, 'base64') as sealed
      from audit_keys where (id::text, '') > ($1, $2) and ${begins("decode(sealed, 'base64')")} order by id::text limit $3`,
    replace: `update audit_keys set sealed = ${base64("$3")} where id::text = $1 and $2::text is not null and decode(sealed, 'base64') = $4::bytea`,
  },
  toolCalls("input", "call"),
  toolCalls("result", "result"),
];

/** Calls of tools are under way for moments; one may be caught by a change of the key all the same. */
function toolCalls(column: "input" | "result", prefix: string): Kind {
  const field = `'${prefix}:' || c.id`;
  return {
    name: `tool_calls.${column}`,
    manyPerId: true,
    select: `select c.turn_id as id, ${field} as field, c.organization_id as "organizationId", 'turn' as platform, decode(c.${column}, 'base64') as sealed
      from tool_calls c where c.${column} is not null and (c.turn_id, ${field}) > ($1, $2) and ${begins(`decode(c.${column}, 'base64')`)} order by c.turn_id, ${field} limit $3`,
    replace: `update tool_calls c set ${column} = ${base64("$3")} where c.turn_id = $1 and ${field} = $2 and decode(c.${column}, 'base64') = $4::bytea`,
  };
}

/** What one run did: rows sealed anew, and rows that no known key opens, which it leaves as they are. */
export interface ResealReport {
  readonly resealed: number;
  readonly unreadable: readonly string[];
}

/**
 * Seals with the current key what was sealed in another way, row by row, while everything else goes on.
 *
 * It may be killed at any moment and run again, also twice at once: a row is replaced as a whole and only while it holds what was read,
 * and each row says by itself how it is sealed. Both ways are read until it is done.
 */
export async function resealSecrets(database: Database, box: SecretBox, signal?: AbortSignal): Promise<ResealReport> {
  const isStopped = (): boolean => signal?.aborted === true;
  let resealed = 0;
  const unreadable: string[] = [];
  for (const kind of KINDS) {
    let after: readonly [string, string] | undefined = ["", ""];
    while (after !== undefined && !isStopped()) {
      const rows: SealedRow[] = await database.query<SealedRow>({ text: kind.select }, [
        ...after,
        BATCH,
        box.currentPrefix,
      ]);
      for (const row of rows) {
        if (isStopped()) break;
        if (await resealRow(database, box, kind, row)) resealed += 1;
        else unreadable.push(`${kind.name} ${row.id} ${row.field}`);
      }
      const last = rows.at(-1);
      after = last === undefined ? undefined : [last.id, kind.manyPerId === true ? last.field : "~"];
    }
  }
  return { resealed, unreadable };
}

async function resealRow(database: Database, box: SecretBox, kind: Kind, row: SealedRow): Promise<boolean> {
  const { organizationId, platform, id: installationId, field, sealed } = row;
  const place: SecretPlace = { organizationId, platform, installationId, field };
  let bytes: Buffer;
  try {
    bytes = box.openBytes(place, sealed);
  } catch (error) {
    if (error instanceof ParleyError && error.code === "CREDENTIAL_MISSING") return false;
    throw error;
  }
  await database.query({ text: kind.replace }, [row.id, row.field, box.sealBytes(place, bytes), sealed]);
  return true;
}
