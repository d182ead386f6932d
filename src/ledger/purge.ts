import { type ContentBlock, contentToText } from "../envelope/content.ts";
import { appendAudit } from "./audit-log.ts";
import type { Database, SqlRunner } from "./connection/database.ts";
import { PURGE_REQUESTS } from "./requests.ts";
import { retryDeadlocks } from "./sql-states.ts";

/** A deletion that the platform told of, whose message's text may still be somewhere. */
export interface Deletion {
  readonly id: string;
  readonly organizationId: string;
  readonly installationId: string;
  readonly platform: string;
  readonly channelId: string;
  readonly messageId: string;
  readonly ageSeconds: number;
}

/** A digest of a text, as the audit log keeps it of each message. */
export type DigestText = (text: string) => string;

/** Messages shorter than this are found in half of all sentences; they are looked for in no other text. */
const MIN_QUOTED_CHARS = 4;
/** Events arrive out of order by so much. */
const STRAY_WITHIN_MS = 60_000;
const CLOCK_SKEW_MS = 5_000;

/** The next deletions that are not done with, by their ids. */
export function openDeletions(sql: SqlRunner, afterId: string, limit: number): Promise<Deletion[]> {
  return sql.query<Deletion>(
    {
      name: "open_deletions",
      text: `select id, organization_id as "organizationId", installation_id as "installationId", envelope->>'platform' as platform,
          envelope #>> '{conversation,channel,id}' as "channelId", envelope #>> '{body,messageId}' as "messageId",
          extract(epoch from now() - received_at)::float8 as "ageSeconds"
        from events where kind = 'message_deleted' and purged_at is null and id > $1 order by id limit $2`,
    },
    [afterId, limit],
  );
}

/**
 * Removes the text of a deleted message from every row that holds it, in one transaction with an audit entry that keeps its digests; ids,
 * times and decisions stay. With `last`, the deletion is done with. Returns how many rows were changed.
 */
export async function purgeDeleted(
  database: Database,
  digest: DigestText,
  deletion: Deletion,
  last: boolean,
): Promise<number> {
  return await retryDeadlocks(() => database.transaction((tx) => purge(tx, digest, deletion, last)));
}

async function purge(tx: SqlRunner, digest: DigestText, deletion: Deletion, last: boolean): Promise<number> {
  const row = await messageOf(tx, deletion);
  const versions = await versionsOf(tx, deletion, row);
  const turnId = row.turnId ?? undefined;
  const texts = versions.map(({ content }) => contentToText(content)).filter((text) => text !== "");
  const changed = [
    await emptyEvents(
      tx,
      versions.map(({ id }) => id),
    ),
    await emptyMessage(tx, deletion),
    await emptyDeliveries(tx, deletion, turnId),
    turnId === undefined ? 0 : await emptyTurn(tx, turnId),
    (await tx.query(PURGE_REQUESTS, [turnId ?? null, versions.map(({ id }) => id)])).length,
    await emptyLeftovers(
      tx,
      deletion,
      versions.map(({ id }) => id),
      texts,
    ),
    await emptyMadeOfIt(tx, deletion, texts),
    deletion.platform === "web" ? await emptyRoomLog(tx, deletion) : 0,
  ].reduce((total, count) => total + count, 0);
  if (changed > 0)
    await appendAudit(tx, deletion.organizationId, [
      {
        what: "purged",
        by: "retention",
        rule: "message_deleted",
        event: deletion.id,
        message: deletion.messageId,
        rows: changed,
        digests: [...new Set(texts.map(digest))],
      },
    ]);
  if (last && (turnId === undefined || (await isOver(tx, turnId))))
    await tx.query({ text: "update events set purged_at = now() where id = $1" }, [deletion.id]);
  return changed;
}

interface Version {
  readonly id: string;
  readonly content: readonly ContentBlock[];
}

/** The row of the message: the event that it came by, and the turn whose reply it is a part of. */
interface MessageRow {
  readonly eventId: string | null;
  readonly eventKind: string | null;
  readonly turnId: string | null;
}

async function messageOf(tx: SqlRunner, { installationId, channelId, messageId }: Deletion): Promise<MessageRow> {
  const [row] = await tx.query<MessageRow>(
    {
      name: "purge_message_row",
      text: `select m.event_id as "eventId", e.kind as "eventKind", m.turn_id as "turnId" from messages m left join events e on e.id = m.event_id
        where m.installation_id = $1 and m.channel_id = $2 and m.message_id = $3`,
    },
    [installationId, channelId, messageId],
  );
  return row ?? { eventId: null, eventKind: null, turnId: null };
}

/** The events that brought the message and its edits, or handed it on to another agent; of an agent's post, the event that its reply was for other agents, which holds all posts of it. */
async function versionsOf(tx: SqlRunner, deletion: Deletion, row: MessageRow): Promise<Version[]> {
  const { installationId, channelId, messageId } = deletion;
  const known = await tx.query<Version>(
    {
      name: "purge_versions",
      text: `with found as materialized (
          select id, envelope from events where id = $4
          union select id, envelope from events where installation_id = $1 and kind = 'message_edited' and envelope #>> '{body,messageId}' = $3
        )
        select id, envelope #> '{body,content}' as content from found
        where envelope #>> '{conversation,channel,id}' = $2 and envelope #>> '{body,messageId}' = $3 and envelope #> '{body,content}' <> '[]'::jsonb
        union all
        select id, envelope #> '{body,content}' from events
        where installation_id = $1 and dedupe_key = 'turn:' || $5::text and envelope #> '{body,content}' <> '[]'::jsonb
        union all
        select h.id, h.envelope #> '{body,content}' from found f join turns t on t.event_id = f.id join events h on h.installation_id = $1 and h.dedupe_key = 'handover:' || t.id
        where h.envelope #>> '{conversation,channel,id}' = $2 and h.envelope #>> '{body,messageId}' = $3 and h.envelope #> '{body,content}' <> '[]'::jsonb`,
    },
    [installationId, channelId, messageId, row.eventId, row.turnId],
  );
  const window = await strayWindow(tx, deletion, row);
  if (window === undefined) return known;
  const strays = await tx.query<Version>(
    {
      name: "purge_strays",
      text: `select id, envelope #> '{body,content}' as content from events
        where id > $4 and id < $5 and installation_id = $1 and kind = 'message_created' and envelope #>> '{conversation,channel,id}' = $2
          and envelope #>> '{body,messageId}' = $3 and envelope #> '{body,content}' <> '[]'::jsonb`,
    },
    [installationId, channelId, messageId, ...window],
  );
  return [...known, ...strays];
}

/**
 * Where in the ids a version may be that the message's row does not name: a first version that came after an edit of it or after its own
 * deletion, or what the platform told of Parley's own post.
 */
async function strayWindow(
  tx: SqlRunner,
  { messageId }: Deletion,
  row: MessageRow,
): Promise<readonly [after: string, before: string] | undefined> {
  if (row.eventKind === "message_created") return undefined;
  const told = /^e_([0-9a-z]{9})/.exec(row.eventId ?? "")?.[1];
  if (told !== undefined) return windowOf(Number.parseInt(told, 36), STRAY_WITHIN_MS);
  const [sent] = await tx.query<{ first: Date; last: Date }>(
    {
      name: "purge_sent_at",
      text: `select first_attempt_at as first, coalesce(delivered_at, first_attempt_at) as last from (
          select first_attempt_at, delivered_at from deliveries where turn_id = $2 and message_id = $1
          union all select first_attempt_at, delivered_at from deliveries where turn_id is null and message_id = $1) d
        where first_attempt_at is not null order by first_attempt_at limit 1`,
    },
    [messageId, row.turnId],
  );
  if (sent === undefined) return undefined;
  return windowOf(sent.first.getTime(), sent.last.getTime() - sent.first.getTime() + STRAY_WITHIN_MS);
}

/** Ids begin with their time; clocks of processes differ a little. */
function windowOf(fromMs: number, lengthMs: number): readonly [after: string, before: string] {
  const id = (ms: number): string => `e_${Math.round(ms).toString(36).padStart(9, "0")}`;
  return [id(fromMs - CLOCK_SKEW_MS), id(fromMs + lengthMs + CLOCK_SKEW_MS)];
}

async function isOver(tx: SqlRunner, turnId: string): Promise<boolean> {
  return (await tx.query({ text: "select 1 from turns where id = $1 and finished_at is null" }, [turnId])).length === 0;
}

async function emptyEvents(tx: SqlRunner, ids: readonly string[]): Promise<number> {
  if (ids.length === 0) return 0;
  const rows = await tx.query(
    {
      name: "purge_events",
      text: "update events set envelope = jsonb_set(envelope, '{body,content}', '[]'::jsonb) where id = any($1::text[]) returning 1",
    },
    [ids],
  );
  return rows.length;
}

async function emptyMessage(tx: SqlRunner, { installationId, channelId, messageId }: Deletion): Promise<number> {
  const rows = await tx.query(
    {
      name: "purge_message",
      text: `update messages set text = '', content = '[]'::jsonb, deleted_at = coalesce(deleted_at, now())
        where installation_id = $1 and channel_id = $2 and message_id = $3 and (text <> '' or content <> '[]'::jsonb or deleted_at is null) returning 1`,
    },
    [installationId, channelId, messageId],
  );
  return rows.length;
}

/** What was sent and now is deleted; writes that are still under way keep what they say until they are over. */
async function emptyDeliveries(
  tx: SqlRunner,
  { installationId, channelId, messageId }: Deletion,
  turnId: string | undefined,
): Promise<number> {
  const rows = await tx.query(
    {
      name: "purge_deliveries",
      text: `with found as materialized (
          select id from deliveries where turn_id = $4
          union all select d.id from deliveries d where d.turn_id is null and d.message_id = $3
        )
        update deliveries d set body = '{}'::jsonb, fallback_text = '' from found f, conversations c
        where d.id = f.id and d.message_id = $3 and c.id = d.conversation_id and c.installation_id = $1 and c.channel_id = $2
          and d.state not in ('pending', 'sending', 'open', 'unknown') and (d.body <> '{}'::jsonb or d.fallback_text <> '') returning 1`,
    },
    [installationId, channelId, messageId, turnId ?? null],
  );
  return rows.length;
}

/** A reply is stored as a whole: with one post of it the stored reply goes, and its posts stay. A turn that is not over needs it. */
async function emptyTurn(tx: SqlRunner, turnId: string): Promise<number> {
  const turns = await tx.query(
    {
      name: "purge_turn_reply",
      text: `update turns set reply = '{"parts": []}'::jsonb, follow_up = null
        where id = $1 and finished_at is not null and (follow_up is not null or reply is distinct from '{"parts": []}'::jsonb) returning 1`,
    },
    [turnId],
  );
  const deferred = await tx.query(
    {
      name: "purge_deferred_reply",
      text: `update deferred_replies r set reply = '{"parts": []}'::jsonb from turns t
        where r.turn_id = $1 and t.id = $1 and t.finished_at is not null and r.reply <> '{"parts": []}'::jsonb returning 1`,
    },
    [turnId],
  );
  return turns.length + deferred.length;
}

/** Where the text may have been quoted on the way: raw events that fitted no schema, reasons and details of faults. */
async function emptyLeftovers(
  tx: SqlRunner,
  deletion: Deletion,
  eventIds: readonly string[],
  texts: readonly string[],
): Promise<number> {
  const raw = await tx.query(
    {
      name: "purge_raw_letters",
      text: `update dead_letters set raw = null where organization_id = $1 and raw is not null and position($2 in raw) > 0 returning 1`,
    },
    [deletion.organizationId, deletion.messageId],
  );
  const quoted = texts.filter((text) => text.length >= MIN_QUOTED_CHARS);
  if (quoted.length === 0) return raw.length;
  const rows = await tx.query(
    {
      name: "purge_quotes",
      text: `with turn as materialized (
          select t.id from turns t where t.event_id = any($1::text[])
        ), said as materialized (select unnest($2::text[]) as text
        ), letters as (
          update dead_letters l set reason = 'the text that it quoted was deleted' where l.id in (
            select l.id from dead_letters l join said s on position(s.text in l.reason) > 0
            where l.organization_id = $3 and (l.event_id = any($1::text[]) or l.turn_id in (select id from turn)))
          returning 1
        ), steps as (
          update journal j set detail = null where j.id in (
            select j.id from journal j join said s on position(to_jsonb(s.text)::text in j.detail::text) > 0 or position(s.text in j.detail::text) > 0
            where j.event_id = any($1::text[]) or j.turn_id in (select id from turn))
          returning 1
        ), turns_told as (
          update turns t set state_reason = 'the text that it quoted was deleted' where t.id in (
            select t.id from turns t join said s on position(s.text in t.state_reason) > 0 where t.id in (select id from turn))
          returning 1
        )
        select 1 from letters union all select 1 from steps union all select 1 from turns_told`,
    },
    [eventIds, quoted, deletion.organizationId],
  );
  return raw.length + rows.length;
}

/**
 * What was made of the message elsewhere and waits: a reply that was withheld, results for an agent's next turn, an answer of a tool that nobody fetched. Of
 * schedules, those that have ended; one that is active is what somebody asked for, until they cancel it.
 */
async function emptyMadeOfIt(tx: SqlRunner, deletion: Deletion, texts: readonly string[]): Promise<number> {
  const { organizationId, installationId, channelId, messageId } = deletion;
  const hasRead = (turnId: string): string => `exists (select 1 from turn_sources s
    where s.turn_id = ${turnId} and s.installation_id = $2 and s.channel_id = $3 and s.message_ids ? $4)`;
  const rows = await tx.query(
    {
      name: "purge_made_of_it",
      text: `with withheld as (
          update withheld_replies w set reply = null where w.organization_id = $1 and w.reply is not null and ${hasRead("w.turn_id")} returning 1
        ), results as (
          delete from command_results r where r.organization_id = $1 and ${hasRead("r.turn_id")} returning 1
        ), calls as (
          delete from tool_calls c where c.organization_id = $1 and c.created_at < now() - interval '30 seconds' and ${hasRead("c.turn_id")} returning 1
        ), tasks as (
          update schedules x set task = '' from conversations c where x.organization_id = $1 and x.state <> 'active' and x.task <> '' and c.id = x.conversation_id
            and c.installation_id = $2 and c.channel_id = $3 and exists (select 1 from unnest($5::text[]) as said where position(said in x.task) > 0 or (length(x.task) >= ${MIN_QUOTED_CHARS} and position(x.task in said) > 0)) returning 1
        )
        select 1 from withheld union all select 1 from results union all select 1 from calls union all select 1 from tasks`,
    },
    [organizationId, installationId, channelId, messageId, texts.filter((text) => text.length >= MIN_QUOTED_CHARS)],
  );
  return rows.length;
}

/** The web room's own log of what people did. */
async function emptyRoomLog(tx: SqlRunner, { organizationId, channelId, messageId }: Deletion): Promise<number> {
  const rows = await tx.query(
    {
      name: "purge_room_log",
      text: `update web_events set body = jsonb_set(body, '{content}', '[]'::jsonb)
        where room_id = $1 and organization_id = $3 and kind in ('message_created', 'message_edited') and body->>'messageId' = $2
          and body->'content' <> '[]'::jsonb returning 1`,
    },
    [channelId, messageId, organizationId],
  );
  return rows.length;
}
