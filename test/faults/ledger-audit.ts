import { openDatabase } from "../../src/ledger/connection/open-database.ts";

/** What the ledger says at the end of a run. */
export interface LedgerAudit {
  readonly openEvents: number;
  readonly openTurns: number;
  readonly openDeliveries: number;
  /** What is said of deliveries that are open or parked. */
  readonly openReasons: readonly string[];
  readonly parked: number;
  readonly deadLetters: number;
  readonly deadLetterReasons: readonly string[];
  /** How many turns ended in each state. */
  readonly turns: ReadonlyMap<string, number>;
  /** How many turns ended for which reason, as `state: reason`. */
  readonly turnReasons: ReadonlyMap<string, number>;
  /** Per message (`channel|ts`): the state of its event, and in wall ms when it was stored and when routing opened its turn. */
  readonly messages: ReadonlyMap<string, AuditedMessage>;
}

const OPEN_DELIVERIES = "state in ('pending', 'sending', 'open', 'unknown')";

export interface AuditedMessage {
  readonly state: string;
  /** Why, where a state alone does not say. */
  readonly reason: string | undefined;
  readonly storedAt: number;
  readonly turnOpenedAt: number | undefined;
}

/** Reads the ledger from outside; on PGlite only while no process has the folder. */
export async function auditLedger(where: {
  databaseUrl: string | undefined;
  dataFolder: string;
}): Promise<LedgerAudit> {
  const database = await openDatabase({
    dataFolder: where.dataFolder,
    ...(where.databaseUrl === undefined ? {} : { databaseUrl: where.databaseUrl }),
  });
  try {
    const [counts] = await database.query<{
      events: number;
      turns: number;
      deliveries: number;
      parked: number;
      dead: number;
    }>({
      text: `select (select count(*) from events where finished_at is null) as events,
        (select count(*) from turns where finished_at is null) as turns,
        (select count(*) from deliveries where ${OPEN_DELIVERIES}) as deliveries,
        (select count(*) from deliveries where state = 'parked') as parked,
        (select count(*) from dead_letters where state = 'open') as dead`,
    });
    const rows = await database.query<{
      key: string;
      state: string;
      reason: string | null;
      stored: Date;
      opened: Date | null;
    }>({
      text: `select e.envelope->'conversation'->'channel'->>'id' || '|' || (e.envelope->'body'->>'messageId') as key, e.state, e.state_reason || coalesce(': ' || jsonb_path_query_array(e.decisions, '$[*].agents[*].rule')::text, '') as reason, e.received_at as stored, min(t.created_at) as opened
        from events e left join turns t on t.event_id = e.id where e.kind = 'message_created' group by e.id`,
    });
    const turns = await database.query<{ state: string; count: number }>({
      text: "select state, count(*)::int as count from turns group by state",
    });
    const ends = await database.query<{ reason: string; count: number }>({
      text: "select state || ': ' || state_reason as reason, count(*)::int as count from turns where state_reason is not null group by 1",
    });
    const reasons = await database.query<{ reason: string }>({
      text: `select distinct state || ': ' || coalesce(reason, 'no reason') as reason from deliveries where ${OPEN_DELIVERIES} or state = 'parked'`,
    });
    const dead = await database.query<{ reason: string }>({
      text: "select distinct stage || ': ' || code || ' ' || reason as reason from dead_letters where state = 'open'",
    });
    return {
      deadLetterReasons: dead.map((row) => row.reason),
      openReasons: reasons.map((row) => row.reason),
      openEvents: counts?.events ?? 0,
      openTurns: counts?.turns ?? 0,
      openDeliveries: counts?.deliveries ?? 0,
      parked: counts?.parked ?? 0,
      deadLetters: counts?.dead ?? 0,
      messages: new Map(
        rows.map((row) => [
          row.key,
          {
            state: row.state,
            reason: row.reason ?? undefined,
            storedAt: row.stored.getTime(),
            turnOpenedAt: row.opened?.getTime(),
          },
        ]),
      ),
      turnReasons: new Map(ends.map(({ reason, count }) => [reason, count])),
      turns: new Map(turns.map(({ state, count }) => [state, count])),
    };
  } finally {
    await database.close();
  }
}
