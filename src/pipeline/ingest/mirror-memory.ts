import type { ChannelRow, MembershipRow, PersonRow } from "../../ledger/channel-mirror.ts";

const MAX_KEYS = 50_000;

/** Remembers which mirror rows this process has committed, so that ordinary messages cost no mirror writes. */
export interface MirrorMemory {
  /** Leaves out the rows that are known to stand as they are. */
  unknown(rows: MirrorRows): MirrorRows;
  /** Called after the commit of those rows. */
  learn(rows: MirrorRows): void;
}

export interface MirrorRows {
  readonly channels: readonly ChannelRow[];
  readonly people: readonly PersonRow[];
  readonly memberships: readonly MembershipRow[];
}

/** Creates an empty memory of at most 50,000 rows; forgetting only costs a write. */
export function createMirrorMemory(): MirrorMemory {
  const known = new Map<string, string>();
  const remember = (key: string, value: string): void => {
    if (known.size >= MAX_KEYS) known.clear();
    known.set(key, value);
  };
  const channelKey = (row: ChannelRow) => `c ${row.inst} ${row.channel}`;
  const channelValue = (row: ChannelRow) => `${row.kind} ${row.external} ${row.name}`;
  const personKey = (row: PersonRow) => `p ${row.inst} ${row.person}`;
  const personValue = (row: PersonRow) => `${row.kind} ${row.name} ${row.avatar}`;
  const memberKey = (row: MembershipRow) => `m ${row.inst} ${row.channel} ${row.member}`;
  return {
    unknown: (rows) => ({
      channels: latest(
        rows.channels.filter(
          (row) =>
            row.archived !== null || row.self_member !== null || known.get(channelKey(row)) !== channelValue(row),
        ),
        channelKey,
      ),
      people: latest(
        rows.people.filter((row) => known.get(personKey(row)) !== personValue(row)),
        personKey,
      ),
      memberships: latest(
        rows.memberships.filter((row) => known.get(memberKey(row)) !== row.state),
        memberKey,
      ),
    }),
    learn(rows) {
      for (const row of rows.channels) remember(channelKey(row), channelValue(row));
      for (const row of rows.people) remember(personKey(row), personValue(row));
      for (const row of rows.memberships) remember(memberKey(row), row.state);
    },
  };
}

function latest<Row>(rows: readonly Row[], keyOf: (row: Row) => string): Row[] {
  return [...new Map(rows.map((row) => [keyOf(row), row])).values()];
}
