import type { ChannelRow, MembershipRow, PersonRow, PlaceRow } from "../../ledger/channel-mirror.ts";

const MAX_KEYS = 50_000;

/** Remembers which mirror rows this process has committed, so that ordinary messages cost no mirror writes. */
export interface MirrorMemory {
  /** Leaves out the rows that are known to stand as they are. */
  unknown(rows: MirrorRows): MirrorRows;
  /** Called after the commit of those rows. */
  learn(rows: MirrorRows): void;
}

export interface MirrorRows {
  readonly places: readonly PlaceRow[];
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
  const channelValue = (row: ChannelRow) => `${row.kind} ${row.external} ${row.name} ${row.space} ${row.category}`;
  const placeKey = (row: PlaceRow) => `l ${row.inst} ${row.place}`;
  const placeValue = (row: PlaceRow) => `${row.parent} ${row.name}`;
  const personKey = (row: PersonRow) => `p ${row.inst} ${row.person}`;
  const personValue = (row: PersonRow) => `${row.kind} ${row.name} ${row.avatar}`;
  const memberValue = (row: MembershipRow) => `${row.state} ${row.member_class}`;
  const memberKey = (row: MembershipRow) => `m ${row.inst} ${row.channel} ${row.member}`;
  return {
    unknown: (rows) => ({
      places: latest(
        rows.places.filter((row) => known.get(placeKey(row)) !== placeValue(row)),
        placeKey,
        (earlier, row) => ({ ...row, name: row.name ?? earlier.name, parent: row.parent ?? earlier.parent }),
      ),
      channels: latest(
        rows.channels.filter(
          (row) =>
            row.archived !== null || row.self_member !== null || known.get(channelKey(row)) !== channelValue(row),
        ),
        channelKey,
        (earlier, row) => ({
          ...row,
          name: row.name ?? earlier.name,
          archived: row.archived ?? earlier.archived,
          self_member: row.self_member ?? earlier.self_member,
        }),
      ),
      people: latest(
        rows.people.filter((row) => known.get(personKey(row)) !== personValue(row)),
        personKey,
      ),
      memberships: latest(
        // Another process may have recorded a change since: only what an ordinary message implies is left out.
        rows.memberships.filter((row) => !row.implied || known.get(memberKey(row)) !== memberValue(row)),
        memberKey,
        (one, other) => (one.version > other.version ? one : other),
      ),
    }),
    learn(rows) {
      for (const row of rows.places) remember(placeKey(row), placeValue(row));
      for (const row of rows.channels) remember(channelKey(row), channelValue(row));
      for (const row of rows.people) remember(personKey(row), personValue(row));
      for (const row of rows.memberships) remember(memberKey(row), memberValue(row));
    },
  };
}

/** One row per key; where several say something of it, `merge` says what holds. */
function latest<Row>(
  rows: readonly Row[],
  keyOf: (row: Row) => string,
  merge: (earlier: Row, row: Row) => Row = (_earlier, row) => row,
): Row[] {
  const byKey = new Map<string, Row>();
  for (const row of rows) {
    const earlier = byKey.get(keyOf(row));
    byKey.set(keyOf(row), earlier === undefined ? row : merge(earlier, row));
  }
  return [...byKey.values()];
}
