import type { SqlRunner } from "./connection/database.ts";

/** How far one of a task's notification addresses is, where it is not as far as the task's own state says. */
export interface OutsidePushProgress {
  /** The state that it was told last. */
  readonly told?: string;
  /** Attempts in a row that failed. */
  readonly attempts: number;
  /** When the next attempt is due, in ms since 1970. */
  readonly dueAtMs: number;
}

/** A task that came from outside, as it was stored. */
export interface OutsideTaskRow {
  readonly id: string;
  readonly organization_id: string;
  readonly token_id: string;
  readonly context_id: string;
  readonly room_id: string;
  /** Where notifications go, sealed, and how far each address is, by its id. */
  readonly push: { readonly sealed: string; readonly progress?: Readonly<Record<string, OutsidePushProgress>> } | null;
  readonly state: string;
  readonly created_at: Date;
}

const COLUMNS = "id, organization_id, token_id, context_id, room_id, push, state, created_at";

/** The task that a message of a token was for; undefined for a message that was not seen before. */
export async function findOutsideMessage(
  sql: SqlRunner,
  tokenId: string,
  messageId: string,
): Promise<string | undefined> {
  const [row] = await sql.query<{ task_id: string }>(
    { name: "find_a2a_message", text: "select task_id from a2a_messages where token_id = $1 and message_id = $2" },
    [tokenId, messageId],
  );
  return row?.task_id;
}

/** Stores a message with its task, each once; to be called in a transaction. */
export async function insertOutsideMessage(
  tx: SqlRunner,
  message: {
    organizationId: string;
    tokenId: string;
    taskId: string;
    contextId: string;
    messageId: string;
    roomId: string;
    postId: string | undefined;
    seq: number | undefined;
  },
): Promise<void> {
  const { organizationId, tokenId, taskId, contextId, messageId, roomId, postId, seq } = message;
  await tx.query(
    {
      text: `insert into a2a_tasks (id, organization_id, token_id, context_id, message_id, room_id, post_id, state)
        values ($1, $2, $3, $4, $5, $6, $7, 'submitted') on conflict do nothing`,
    },
    [taskId, organizationId, tokenId, contextId, messageId, roomId, postId ?? null],
  );
  await tx.query(
    {
      text: `insert into a2a_messages (token_id, message_id, organization_id, task_id, post_id, seq)
        values ($1, $2, $3, $4, $5, $6) on conflict do nothing`,
    },
    [tokenId, messageId, organizationId, taskId, postId ?? null, seq ?? null],
  );
}

export async function findOutsideTask(
  sql: SqlRunner,
  tokenId: string,
  taskId: string,
): Promise<OutsideTaskRow | undefined> {
  const [row] = await sql.query<OutsideTaskRow>(
    { name: "find_a2a_task", text: `select ${COLUMNS} from a2a_tasks where id = $2 and token_id = $1` },
    [tokenId, taskId],
  );
  return row;
}

/** Whether a context is one of the token's, and in which room. */
export async function findOutsideContext(
  sql: SqlRunner,
  tokenId: string,
  contextId: string,
): Promise<string | undefined> {
  const [row] = await sql.query<{ room_id: string }>(
    { text: "select room_id from a2a_tasks where token_id = $1 and context_id = $2 limit 1" },
    [tokenId, contextId],
  );
  return row?.room_id;
}

/** A token's own tasks in one room, newest first; `before` is the id of the last one of the page before. */
export async function listOutsideTasks(
  sql: SqlRunner,
  query: {
    tokenId: string;
    roomId: string;
    contextId: string | undefined;
    before: string | undefined;
    limit: number;
  },
): Promise<OutsideTaskRow[]> {
  return await sql.query<OutsideTaskRow>(
    {
      text: `select ${COLUMNS} from a2a_tasks t where token_id = $1 and ($2::text is null or context_id = $2)
          and ($3::text is null or (created_at, id) < (select b.created_at, b.id from a2a_tasks b where b.id = $3 and b.token_id = $1))
          and room_id = $5
        order by created_at desc, id desc limit $4`,
    },
    [query.tokenId, query.contextId ?? null, query.before ?? null, query.limit, query.roomId],
  );
}

/** What became of a task's messages. */
export interface OutsideProgress {
  readonly said: readonly {
    readonly messageId: string;
    readonly postId: string | null;
    readonly text: string | null;
  }[];
  readonly events: readonly { readonly id: string; readonly state: string; readonly reason: string | null }[];
  readonly turns: readonly {
    readonly id: string;
    readonly agentId: string;
    readonly state: string;
    readonly reason: string | null;
    readonly finished: boolean;
  }[];
  /** Ids of the messages that the turns wrote, in their order. */
  readonly posts: readonly string[];
  readonly questions: readonly { readonly actionId: string; readonly part: unknown; readonly postId: string | null }[];
  readonly updatedAt: Date | null;
}

const PROGRESS = {
  name: "read_a2a_progress",
  text: `
with recursive said as materialized (
  select m.message_id, m.post_id, m.seq, m.created_at from a2a_messages m where m.task_id = $2 and m.organization_id = $1
), ev as (
  select e.id from said s join events e on e.installation_id = $3 and e.dedupe_key = 'web:' || $3 || ':' || $4 || ':' || s.seq
  union
  select r.decided_event from ev join turns t on t.event_id = ev.id join requests r on r.turn_id = t.id where r.decided_event is not null
), tu as materialized (
  select t.id, t.agent_id, t.state, t.state_reason, t.finished_at, t.order_no, t.created_at from turns t where t.event_id in (select id from ev)
), de as materialized (
  select d.message_id, d.turn_id, d.sequence, d.ordinal, d.delivered_at, d.request_id from deliveries d where d.turn_id in (select id from tu) and d.message_id is not null
)
select
  (select coalesce(jsonb_agg(jsonb_build_object('messageId', s.message_id, 'postId', s.post_id, 'text', p.text) order by s.created_at), '[]') from said s left join web_posts p on p.id = s.post_id) as said,
  (select coalesce(jsonb_agg(jsonb_build_object('id', e.id, 'state', e.state, 'reason', e.state_reason)), '[]') from events e where e.id in (select id from ev)) as events,
  (select coalesce(jsonb_agg(jsonb_build_object('id', id, 'agentId', agent_id, 'state', state, 'reason', state_reason, 'finished', finished_at is not null) order by order_no), '[]') from tu) as turns,
  (select coalesce(jsonb_agg(message_id order by sequence), '[]') from (select message_id, min(sequence) as sequence from de group by message_id) x) as posts,
  (select coalesce(jsonb_agg(jsonb_build_object('actionId', r.action_id, 'part', r.part, 'postId', (select de.message_id from de where de.request_id = r.id order by de.sequence limit 1)) order by r.created_at), '[]')
    from requests r where r.turn_id in (select id from tu) and r.state = 'open' and r.expires_at > now()) as questions,
  greatest((select max(created_at) from said), (select max(coalesce(finished_at, created_at)) from tu), (select max(delivered_at) from de)) as "updatedAt"`,
} as const;

/** Reads what became of a task's messages: their events, the turns of these, what the turns wrote and ask, and so on through each decision. */
export async function readOutsideProgress(
  sql: SqlRunner,
  task: { organizationId: string; taskId: string; installationId: string; roomId: string },
): Promise<OutsideProgress | undefined> {
  const [row] = await sql.query<OutsideProgress>(PROGRESS, [
    task.organizationId,
    task.taskId,
    task.installationId,
    task.roomId,
  ]);
  return row;
}

/** Keeps where the notifications of a task go, each address anew; undefined ends them. */
export async function storeOutsidePush(sql: SqlRunner, taskId: string, sealed: string | undefined): Promise<void> {
  await sql.query(
    {
      text: `update a2a_tasks set push = $2::jsonb, updated_at = now(),
        push_due_at = case when $2::jsonb is null then null else now() end where id = $1`,
    },
    [taskId, sealed === undefined ? null : JSON.stringify({ sealed })],
  );
}

/** Takes tasks whose notifications are due; each is another process's again after the lease. */
export async function claimOutsidePushes(
  sql: SqlRunner,
  { limit, leaseMs }: { limit: number; leaseMs: number },
): Promise<(OutsideTaskRow & { readonly person_id: string | null; readonly talks: boolean })[]> {
  return await sql.query(
    {
      name: "claim_a2a_pushes",
      text: `with due as (
          select id from a2a_tasks where push_due_at <= now() order by push_due_at limit $1 for update skip locked
        )
        update a2a_tasks t set push_due_at = now() + $2::float8 * interval '1 millisecond' from due, api_tokens k
        where t.id = due.id and k.id = t.token_id
        returning t.id, t.organization_id, t.token_id, t.context_id, t.room_id, t.push, t.state, t.created_at, k.person_id,
          (k.revoked_at is null and (k.expires_at is null or k.expires_at > now()) and k.scopes ? 'talk') as talks`,
    },
    [limit, leaseMs],
  );
}

/**
 * Says how a look at a task's notifications went: the state that all of its addresses are done with, how far each is, and when it is looked
 * at again (never, without a time). Says nothing where the addresses were changed meanwhile: they are due at once.
 */
export async function settleOutsidePush(
  sql: SqlRunner,
  { id, push }: Pick<OutsideTaskRow, "id" | "push">,
  settled: {
    told: string | undefined;
    progress: Readonly<Record<string, OutsidePushProgress>>;
    againInMs: number | undefined;
  },
): Promise<void> {
  await sql.query(
    {
      text: `update a2a_tasks set state = coalesce($3, state), push = push || jsonb_build_object('progress', $4::jsonb), updated_at = now(),
        push_due_at = now() + $5::float8 * interval '1 millisecond' where id = $1 and push->>'sealed' = $2`,
    },
    [id, push?.sealed ?? "", settled.told ?? null, JSON.stringify(settled.progress), settled.againInMs ?? null],
  );
}
