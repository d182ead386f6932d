import { openDatabase } from "../../src/ledger/connection/open-database.ts";

/** What the ledger says at the end of a run. */
export interface LedgerAudit {
  readonly openEvents: number;
  readonly openTurns: number;
  readonly openDeliveries: number;
  readonly parked: number;
  readonly deadLetters: number;
  /** Per message (`channel|ts`): the state of its event and when routing opened its turn, in wall ms. */
  readonly messages: ReadonlyMap<string, { readonly state: string; readonly turnOpenedAt: number | undefined }>;
}

const OPEN_DELIVERIES = "state in ('pending', 'sending', 'open', 'unknown')";

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
    const rows = await database.query<{ key: string; state: string; opened: Date | null }>({
      text: `select e.envelope->'conversation'->'channel'->>'id' || '|' || (e.envelope->'body'->>'messageId') as key, e.state, min(t.created_at) as opened
        from events e left join turns t on t.event_id = e.id where e.kind = 'message_created' group by e.id`,
    });
    return {
      openEvents: counts?.events ?? 0,
      openTurns: counts?.turns ?? 0,
      openDeliveries: counts?.deliveries ?? 0,
      parked: counts?.parked ?? 0,
      deadLetters: counts?.dead ?? 0,
      messages: new Map(rows.map((row) => [row.key, { state: row.state, turnOpenedAt: row.opened?.getTime() }])),
    };
  } finally {
    await database.close();
  }
}
