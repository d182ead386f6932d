import { notifyAgents } from "./agents.ts";
import { appendAudit } from "./audit-log.ts";
import type { Database, SqlRunner } from "./connection/database.ts";
import { hurryPostponed } from "./postponed-turns.ts";

/** Remembers that an agent could not be reached; returns for how long no call has reached it, in ms. */
export async function markFailing(sql: SqlRunner, agentId: string): Promise<number> {
  const [row] = await sql.query<{ failing_ms: number; fresh: boolean }>(
    {
      name: "mark_failing",
      text: `with known as (select id, failing_since from agents where id = $1), marked as (
          update agents a set failing_since = now() from known k where a.id = k.id and k.failing_since is null returning a.id
        )
        select coalesce(extract(epoch from now() - failing_since) * 1000, 0)::float8 as failing_ms, exists (select 1 from marked) as fresh from known`,
    },
    [agentId],
  );
  if (row?.fresh === true) await notifyAgents(sql);
  return row?.failing_ms ?? 0;
}

/** Forgets that an agent could not be reached; the turns that waited for it are due at once. */
export async function clearFailing(sql: SqlRunner, agentId: string): Promise<void> {
  const rows = await sql.query(
    {
      name: "clear_failing",
      text: "update agents set failing_since = null where id = $1 and failing_since is not null returning id",
    },
    [agentId],
  );
  if (rows.length === 0) return;
  await hurryPostponed(sql, agentId);
  await notifyAgents(sql);
}

/** Pauses an agent that works, with the reason, its line of the audit log and the notice to its owner; false when it is paused or stopped already, or gone. */
export async function disableAgent(
  database: Database,
  agent: { readonly organizationId: string; readonly agentId: string; readonly reason: string; readonly rule: string },
  notice: OwnerNotice | undefined,
): Promise<boolean> {
  return await database.transaction(async (tx) => {
    const rows = await tx.query<{ handle: string }>(
      {
        text: `update agents set status = 'paused', status_reason = $2, status_since = now(), revision = revision + 1
          where id = $1 and status = 'active' and removed_at is null returning handle`,
      },
      [agent.agentId, agent.reason],
    );
    const [paused] = rows;
    if (paused === undefined) return false;
    await appendAudit(tx, agent.organizationId, [
      { what: "switch", by: "parley", rule: agent.rule, agent: paused.handle, reason: agent.reason },
    ]);
    if (notice !== undefined) await addOwnerNotice(tx, notice);
    await notifyAgents(tx);
    return true;
  });
}

/** The one person of an installation that an owner's name or id stands for; undefined when there is none, or more than one. */
export async function findOwner(sql: SqlRunner, installationId: string, owner: string): Promise<string | undefined> {
  const rows = await sql.query<{ person_id: string }>(
    {
      text: `select person_id from people where installation_id = $1 and kind = 'human' and (person_id = $2 or lower(name) = lower(ltrim($2, '@'))) order by person_id = $2 desc limit 2`,
    },
    [installationId, owner],
  );
  const [first, second] = rows;
  return first !== undefined && (second === undefined || first.person_id === owner) ? first.person_id : undefined;
}

/** Where a person of an installation has asked before with nobody else listening; undefined when they never did. */
export async function findDirectConversation(
  sql: SqlRunner,
  installationId: string,
  personId: string,
): Promise<{ readonly id: string; readonly path: unknown } | undefined> {
  const [row] = await sql.query<{ id: string; path: unknown }>(
    {
      text: `select c.id, c.path from turns t join conversations c on c.id = t.reply_conversation_id
        where c.installation_id = $1 and t.asker_id = $2 and c.path->'channel'->>'kind' = 'direct' order by c.thread_id is null desc, t.order_no desc limit 1`,
    },
    [installationId, personId],
  );
  return row;
}

/** The notice to an owner: a write of a conversation's outbox, once for the turn that brought it about. */
export interface OwnerNotice {
  readonly id: string;
  readonly organizationId: string;
  readonly agentId: string;
  readonly turnId: string;
  readonly conversationId: string;
  readonly body: unknown;
  readonly fallback: string;
}

export async function addOwnerNotice(sql: SqlRunner, notice: OwnerNotice): Promise<void> {
  await sql.query(
    {
      name: "add_owner_notice",
      text: `with added as (
          insert into deliveries (id, organization_id, agent_id, conversation_id, ordinal, body, fallback_text, idempotency_key, state)
          values ($1, $2, $3, $4, 0, $5::jsonb, $6, $7 || ':owner', 'pending') on conflict do nothing returning conversation_id
        )
        update conversations c set outbox_due_at = now() from added where c.id = added.conversation_id`,
    },
    [
      notice.id,
      notice.organizationId,
      notice.agentId,
      notice.conversationId,
      JSON.stringify(notice.body),
      notice.fallback,
      notice.turnId,
    ],
  );
}
