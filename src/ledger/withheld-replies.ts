import type { NarrowerSourcePolicy } from "../contracts/access.ts";
import { type AuditEntry, appendAudit } from "./audit-log.ts";
import type { Database, SqlRunner } from "./connection/database.ts";
import type { NewRequestRow } from "./replies.ts";
import { holdTurn, needNoCheck, type TurnFence, type TurnSource } from "./turn-sources.ts";

/** Why a turn of which the reply was withheld ended as it did. */
export const WITHHELD = "withheld";
/** How long a withheld reply can be released. */
const KEPT = "interval '24 hours'";

/** A reply that was not posted, with where it would have gone. */
export interface WithheldReply {
  readonly turn_id: string;
  readonly organization_id: string;
  readonly agent_id: string;
  readonly conversation_id: string;
  readonly installation_id: string;
  readonly platform: string;
  readonly path: unknown;
  readonly asker_id: string | null;
  readonly policy: NarrowerSourcePolicy;
  readonly sources: readonly TurnSource[];
  readonly reply: unknown;
  readonly state: string;
  /** The message that says that it was withheld, once that is proven to stand. */
  readonly notice_id: string | null;
  readonly is_over: boolean;
  /** A message that it was based on was deleted meanwhile. */
  readonly source_deleted: boolean;
}

export interface NewWithheld {
  readonly turnId: string;
  readonly organizationId: string;
  readonly agentId: string;
  readonly conversationId: string;
  readonly askerId: string | null;
  readonly policy: NarrowerSourcePolicy;
  readonly sources: readonly TurnSource[];
  readonly reply: unknown;
  readonly audit: AuditEntry;
}

/** Keeps a reply that must not be posted, while the turn is still ours; a reply that nobody can release is not kept, only that there was one. */
export async function withholdReply(
  database: Database,
  withheld: NewWithheld & { readonly fence: TurnFence },
): Promise<void> {
  await database.transaction(async (tx) => {
    if (await holdTurn(tx, withheld.fence)) await storeWithheld(tx, withheld);
  });
}

/** The same for a turn that the transaction holds already. What its conversation is told instead is based on nothing, and goes out unchecked. */
export async function storeWithheld(tx: SqlRunner, withheld: NewWithheld): Promise<void> {
  const { turnId, organizationId, policy } = withheld;
  await tx.query(
    {
      text: `insert into withheld_replies as w (turn_id, organization_id, agent_id, conversation_id, asker_id, policy, sources, reply, state)
          values ($1, $2, $3, $4, $5, $6, $7::jsonb, $8::jsonb, $9)
          on conflict (turn_id) do update set policy = excluded.policy, sources = excluded.sources, reply = excluded.reply, state = excluded.state, created_at = now()`,
    },
    [
      turnId,
      organizationId,
      withheld.agentId,
      withheld.conversationId,
      withheld.askerId,
      policy,
      JSON.stringify(withheld.sources),
      policy === "withhold" ? null : JSON.stringify(withheld.reply),
      policy === "withhold" ? "discarded" : "open",
    ],
  );
  await needNoCheck(tx, turnId);
  await appendAudit(tx, organizationId, [withheld.audit]);
}

/** A message that it was based on is deleted: what was made of it goes too. */
const SOURCE_DELETED = `exists (select 1 from jsonb_array_elements(w.sources) as s cross join jsonb_array_elements_text(s->'messageIds') as i
    join messages m on m.installation_id = s->>'installationId' and m.channel_id = s->>'channelId' and m.message_id = i where m.deleted_at is not null)`;

const READ = `select w.turn_id, w.organization_id, w.agent_id, w.conversation_id, c.installation_id, c.platform, c.path, w.asker_id, w.policy, w.sources, w.reply, w.state,
    w.created_at < now() - ${KEPT} as is_over, ${SOURCE_DELETED} as source_deleted,
    (select d.message_id from deliveries d where d.turn_id = w.turn_id and d.ordinal = 0 and d.state = 'delivered') as notice_id
  from withheld_replies w join turns t on t.id = w.turn_id join conversations c on c.id = w.conversation_id`;

/** A withheld reply whose turn ended by saying so; undefined for any other. */
export async function readWithheld(sql: SqlRunner, turnId: string): Promise<WithheldReply | undefined> {
  const [row] = await sql.query<WithheldReply>(
    { name: "read_withheld", text: `${READ} where w.turn_id = $1 and t.state_reason = '${WITHHELD}'` },
    [turnId],
  );
  return row;
}

/** Withheld replies that somebody must look at: to be told to the asker, of a turn that ended otherwise, of deleted messages, or too old. */
export async function dueWithheld(sql: SqlRunner, platforms: readonly string[]): Promise<readonly WithheldReply[]> {
  return await sql.query<WithheldReply>(
    {
      name: "due_withheld",
      text: `${READ} where c.platform = any($1::text[]) and (
          w.state = 'open' and (${SOURCE_DELETED} or w.created_at < now() - ${KEPT} or (t.finished_at is not null and t.state_reason is distinct from '${WITHHELD}')
            or (w.policy = 'asker' and t.state_reason = '${WITHHELD}' and w.created_at < now() - interval '1 minute'))
          or w.state = 'sending' and w.decided_at < now() - interval '2 minutes')
        order by w.created_at limit 100`,
    },
    [platforms],
  );
}

/** Moves a withheld reply on, once; false when somebody else did. A final state forgets the text. */
export async function moveWithheld(
  sql: SqlRunner,
  move: {
    readonly turnId: string;
    readonly from: "open" | "sending";
    readonly to: "open" | "sending" | "released" | "discarded" | "expired";
    readonly by: string | null;
  },
): Promise<boolean> {
  const rows = await sql.query(
    {
      name: "move_withheld",
      text: `update withheld_replies set state = $3, decided_by = $4, decided_at = now(), reply = case when $3 in ('open', 'sending') then reply end
        where turn_id = $1 and state = $2 returning turn_id`,
    },
    [move.turnId, move.from, move.to, move.by],
  );
  return rows.length > 0;
}

export interface LaterDelivery {
  readonly id: string;
  readonly ord: number;
  readonly body: unknown;
  readonly fallback: string;
  readonly key: string;
  /** The message that it replaces; null for a new one. */
  readonly edits: string | null;
  /** The question to people that it shows. */
  readonly request: string | null;
}

/** Puts writes of a turn that has ended into its conversation's outbox, behind what is there. */
export async function addLaterDeliveries(
  tx: SqlRunner,
  withheld: WithheldReply,
  deliveries: readonly LaterDelivery[],
  requests: readonly Omit<NewRequestRow, "turn">[],
): Promise<void> {
  if (requests.length > 0)
    await tx.query(
      {
        name: "add_later_requests",
        text: `insert into requests (id, organization_id, agent_id, turn_id, conversation_id, action_id, kind, part, binding, live, asker_id, expires_at)
          select q.id, $2, $3, $4, $5, q.action, q.kind, q.part, q.binding, false, $6, now() + q.expires_ms * interval '1 millisecond'
          from jsonb_to_recordset($1::jsonb) as q(id text, action text, kind text, part jsonb, binding text, expires_ms bigint)`,
      },
      [
        JSON.stringify(requests),
        withheld.organization_id,
        withheld.agent_id,
        withheld.turn_id,
        withheld.conversation_id,
        withheld.asker_id,
      ],
    );
  await tx.query(
    {
      name: "add_later_deliveries",
      text: `insert into deliveries (id, organization_id, turn_id, agent_id, conversation_id, ordinal, body, fallback_text, idempotency_key, asker_id, state, message_id, request_id)
        select x.id, $2, $3, $4, $5, x.ord, x.body, x.fallback, x.key, $6, 'pending', x.edits, x.request
        from jsonb_to_recordset($1::jsonb) as x(id text, ord int, body jsonb, fallback text, key text, edits text, request text) order by x.ord
        on conflict do nothing`,
    },
    [
      JSON.stringify(deliveries),
      withheld.organization_id,
      withheld.turn_id,
      withheld.agent_id,
      withheld.conversation_id,
      withheld.asker_id,
    ],
  );
  await tx.query({ name: "ring_outbox", text: "update conversations set outbox_due_at = now() where id = $1" }, [
    withheld.conversation_id,
  ]);
}
