import type { SqlRunner } from "./connection/database.ts";

export type UsageScope = "agent" | "person" | "channel";

/** What the end of one turn adds to the day's totals of one subject. */
export interface SpentRow {
  readonly scope: UsageScope;
  /** `installation/person` or `installation/channel`; empty for the agent itself; null for a person who is found by `root`. */
  readonly subject: string | null;
  /** The event that it all began with: the person who said that is meant. Null where the subject is known. */
  readonly root: string | null;
  readonly turns: number;
  readonly input: number;
  readonly output: number;
  readonly cost: number;
  /** People are told by this turn's end that the limit is reached. */
  readonly told: boolean;
}

/** The columns of a SpentRow, for `jsonb_to_recordset`. */
export const SPENT_COLUMNS =
  "scope text, subject text, root text, turns int, input bigint, output bigint, cost bigint, told boolean";

/** The day that is counted now, by the ledger's clock. */
const TODAY = "(now() at time zone 'utc')::date";

/** The subject of a row `s`; null when no person is behind it. */
function subjectOf(row: string): string {
  return `coalesce(${row}.subject, (select r.envelope->>'installationId' || '/' || (r.envelope->'sender'->>'id') from events r
    where r.id = ${row}.root and r.envelope->'sender'->>'kind' in ('human', 'external_guest')))`;
}

/** Adds up what the turns of `ended` spent, with whatever statement commits their end; touches nothing when they spent nothing. */
export const ADD_SPENT = `insert into usage_totals as u (organization_id, agent_id, day, scope, subject, turns, input_tokens, output_tokens, cost_micro_usd, max_tokens, max_cost_micro_usd, told_at)
  select organization_id, agent_id, ${TODAY}, scope, subject, sum(turns), sum(input), sum(output), sum(cost), max(input + output), max(cost), case when bool_or(told) then now() end
  from (
    select e.organization_id, e.agent_id, s.scope, ${subjectOf("s")} as subject, s.turns, s.input, s.output, s.cost, s.told
    from ended e cross join lateral jsonb_to_recordset(e.spent) as s(${SPENT_COLUMNS}) where e.spent is not null
  ) x where subject is not null
  group by organization_id, agent_id, scope, subject order by agent_id, scope, subject
  on conflict (agent_id, day, scope, subject) do update set turns = u.turns + excluded.turns, input_tokens = u.input_tokens + excluded.input_tokens,
    output_tokens = u.output_tokens + excluded.output_tokens, cost_micro_usd = u.cost_micro_usd + excluded.cost_micro_usd,
    max_tokens = greatest(u.max_tokens, excluded.max_tokens), max_cost_micro_usd = greatest(u.max_cost_micro_usd, excluded.max_cost_micro_usd),
    told_at = coalesce(u.told_at, excluded.told_at)`;

/** What one subject has spent today, and how much of its agent's work is under way. */
export interface SpentToday {
  readonly scope: UsageScope;
  readonly subject: string;
  /** Turns that are over. */
  readonly turns: number;
  readonly tokens: number;
  readonly cost_micro_usd: number;
  /** Turns of the agent that are at work for this subject, or wait for their reply. */
  readonly at_work: number;
  /** The most that one turn of the agent has used of late; null where nothing is known of any. */
  readonly largest_tokens: number | null;
  readonly largest_cost_micro_usd: number | null;
  readonly told: boolean;
  /** Until the day ends, in ms. */
  readonly left_ms: number;
}

/** How many days back the largest turn is looked for. */
const LARGEST_OF_DAYS = 7;

/** From here to the end of the transaction no other turn of the agent is weighed. */
export async function lockBudget(tx: SqlRunner, agentId: string): Promise<void> {
  await tx.query({ text: "select pg_advisory_xact_lock(hashtextextended('parley budget ' || $1, 0))" }, [agentId]);
}

/** Reads what the subjects of a turn that is about to begin have spent, and what other turns have reserved. */
export function readSpentToday(
  sql: SqlRunner,
  turn: { readonly agentId: string; readonly turnId: string },
  subjects: readonly Pick<SpentRow, "scope" | "subject" | "root">[],
): Promise<SpentToday[]> {
  return sql.query<SpentToday>(
    {
      name: "spent_today",
      text: `with s as materialized (
          select i.scope, ${subjectOf("i")} as subject from jsonb_to_recordset($3::jsonb) as i(scope text, subject text, root text)
        ), at_work as materialized (
          select t.reserved->>'person' as person, t.reserved->>'channel' as channel
          from turns t where t.agent_id = $1 and t.is_active and t.state in ('running', 'waiting') and t.reserved is not null and t.id <> $2
        ), largest as materialized (
          select max(max_tokens)::float8 as tokens, max(max_cost_micro_usd)::float8 as cost from usage_totals
          where agent_id = $1 and scope = 'agent' and subject = '' and turns > 0 and day > ${TODAY} - ${LARGEST_OF_DAYS}
        )
        select s.scope, s.subject, coalesce(u.turns, 0) as turns, (
            select count(*)::int from at_work w where s.scope = 'agent' or (s.scope = 'person' and w.person = s.subject) or (s.scope = 'channel' and w.channel = s.subject)
          ) as at_work, coalesce(u.input_tokens + u.output_tokens, 0)::float8 as tokens, coalesce(u.cost_micro_usd, 0)::float8 as cost_micro_usd, u.told_at is not null as told,
          l.tokens as largest_tokens, l.cost as largest_cost_micro_usd,
          (extract(epoch from ((${TODAY} + 1)::timestamp at time zone 'utc') - now()) * 1000)::float8 as left_ms
        from s cross join largest l left join usage_totals u on u.agent_id = $1 and u.day = ${TODAY} and u.scope = s.scope and u.subject = s.subject
        where s.subject is not null`,
    },
    [turn.agentId, turn.turnId, JSON.stringify(subjects)],
  );
}

/** Says for whom a turn spends while it is at work; the end of its work ends the reservation. */
export async function reserveBudget(tx: SqlRunner, turnId: string, subjects: readonly SpentToday[]): Promise<void> {
  const reserved = Object.fromEntries(subjects.map(({ scope, subject }) => [scope, subject]));
  await tx.query({ name: "reserve_budget", text: "update turns set reserved = $2::jsonb where id = $1" }, [
    turnId,
    JSON.stringify(reserved),
  ]);
}

export interface UsageTotal {
  readonly agent_id: string;
  /** `YYYY-MM-DD`, UTC. */
  readonly day: string;
  readonly today: boolean;
  readonly scope: UsageScope;
  readonly subject: string;
  /** As the platform names the person or channel, where that is known. */
  readonly name: string | null;
  readonly turns: number;
  readonly input_tokens: number;
  readonly output_tokens: number;
  readonly cost_micro_usd: number;
}

/** Most persons and channels that are listed of one agent. */
const MAX_SUBJECTS = 50;
/** How many days back an agent's own totals are listed. */
const DAYS = 30;

/** The agents' own totals of the last 30 days, newest first, and of today those of persons and channels, the busiest first. */
export function listUsageTotals(sql: SqlRunner, organizationId: string, agentId: string | null): Promise<UsageTotal[]> {
  return sql.query<UsageTotal>(
    {
      name: "usage_totals",
      text: `select u.agent_id, u.day::text as day, u.day = ${TODAY} as today, u.scope, u.subject, coalesce(p.name, ch.name) as name, u.turns, u.input_tokens, u.output_tokens, u.cost_micro_usd
        from (
          select *, row_number() over (partition by agent_id, day, scope order by cost_micro_usd desc, input_tokens + output_tokens desc, turns desc, subject) as nth
          from usage_totals where organization_id = $1 and ($2::text is null or agent_id = $2) and day > ${TODAY} - ${DAYS} and (scope = 'agent' or day = ${TODAY})
        ) u
        left join people p on u.scope = 'person' and p.installation_id = split_part(u.subject, '/', 1) and p.person_id = substr(u.subject, strpos(u.subject, '/') + 1)
        left join channels ch on u.scope = 'channel' and ch.installation_id = split_part(u.subject, '/', 1) and ch.channel_id = substr(u.subject, strpos(u.subject, '/') + 1)
        where u.nth <= ${MAX_SUBJECTS} order by u.day desc, u.agent_id, u.scope, u.nth`,
    },
    [organizationId, agentId],
  );
}
