import type { TextDigest } from "../../access/text-digest.ts";
import type { IngestOptions, IngestOutcome, MalformedEvent } from "../../contracts/adapter-sink.ts";
import type { Metrics } from "../../contracts/metrics.ts";
import { Envelope, type EnvelopeInput } from "../../envelope/envelope.ts";
import { ParleyError } from "../../errors/parley-error.ts";
import { askerLeft, type EndedAccess, endAccess } from "../../ledger/barred.ts";
import { upsertChannels, upsertMemberships, upsertPeople, upsertPlaces } from "../../ledger/channel-mirror.ts";
import type { Database } from "../../ledger/connection/database.ts";
import { insertDeadLetter } from "../../ledger/dead-letters.ts";
import {
  type ExpressIntake,
  type IntakeResult,
  type IntakeRow,
  insertEvents,
  type MessageRow,
} from "../../ledger/intake.ts";
import { endInvitationsOf } from "../../ledger/invitations.ts";
import type { NewId } from "../../ledger/row-ids.ts";
import { isUniqueViolation, retryDeadlocks } from "../../ledger/sql-states.ts";
import { createBatcher } from "../batcher.ts";
import type { Express } from "../route/express.ts";
import { createIntakeMemory } from "./intake-memory.ts";
import {
  foldMessages,
  toChannelRow,
  toIntakeRow,
  toMembershipRow,
  toMessageRow,
  toPersonRow,
  toPlaceRows,
} from "./intake-rows.ts";
import { createMirrorMemory, type MirrorRows } from "./mirror-memory.ts";

/** Events per commit; a burst beyond it waits for the next one. */
const MAX_BATCH = 400;

export interface Ingest {
  /** Resolves once the event is committed. Errors: LEDGER_UNAVAILABLE (not stored), PAYLOAD_MALFORMED (not an envelope). */
  ingest(envelope: EnvelopeInput, options?: IngestOptions): Promise<IngestOutcome>;
  ingestMalformed(event: MalformedEvent): Promise<void>;
  settle(): Promise<void>;
}

export interface IngestPorts {
  readonly database: Database;
  readonly newId: NewId;
  readonly metrics: Metrics;
  /** Called after a commit with the conversations that have work now. */
  readonly ring: (conversationIds: readonly string[]) => void;
  /** Routes with the intake what needs nothing but the message; absent in processes that run no turns. */
  readonly express: Express | undefined;
  /** Called after a commit with each turn that lost its access by it, and the request to stop. */
  readonly onEndedAccess: (turnId: string, request: string) => void;
  /** Called after a commit with an event of each channel that this process did not know so. */
  readonly onChannelSeen: (envelope: Envelope) => void;
  readonly digest: TextDigest;
  /** Whether some agent wants to hear of an event that asks nobody. */
  readonly isHeard: (envelope: Envelope) => boolean;
  /** How long events of this platform are held to be put in order, in ms. */
  readonly holdMs: (platform: string) => number;
}

interface Item {
  readonly row: IntakeRow;
  readonly envelope: Envelope;
}

/** Creates the one way into the ledger: concurrent calls share a commit, and nothing is acknowledged before it. */
export function createIngest(options: IngestPorts): Ingest {
  const { database, newId, metrics } = options;
  const mirror = createMirrorMemory();
  const memory = createIntakeMemory();

  const batcher = createBatcher<Item, IngestOutcome>({
    maxItems: MAX_BATCH,
    // A lost ledger fails everyone alike; anything else may be one bad row.
    isolate: (error) => !(error instanceof ParleyError),
    flush: async (items) => {
      const byKey = new Map(items.map((item) => [`${item.row.inst} ${item.row.dedupe}`, item]));
      const unique = [...byKey.values()];
      const rows = mirror.unknown(mirrorRows(unique));
      const results = await commitAll(unique, rows);
      mirror.learn(rows);
      for (const { envelope } of firstOfEach(unique, rows)) options.onChannelSeen(envelope);
      const stored = new Map(
        unique.map((item, index) => [
          `${item.row.inst} ${item.row.dedupe}`,
          { item, result: results.get(item.row.id), index },
        ]),
      );
      // A known event rings again too: its first bell may have been lost with the process that heard it.
      const due = unique.filter((item) => item.row.state === "pending" && results.get(item.row.id)?.started !== true);
      options.ring([...new Set(due.map((item) => item.row.conv))]);
      return items.map((item) => {
        const known = stored.get(`${item.row.inst} ${item.row.dedupe}`);
        const fresh = known?.result?.fresh === true && known.item === item;
        metrics.eventIngested(item.row.platform, fresh ? "stored" : "duplicate");
        return { eventId: known?.result?.stored_id ?? item.row.id, duplicate: !fresh };
      });
    },
  });

  async function commitAll(items: readonly Item[], rows: MirrorRows): Promise<Map<string, IntakeResult>> {
    const express = options.express?.plan(items);
    let started: ReadonlySet<string> = new Set();
    try {
      const results = await retryDeadlocks(() => commit(items, rows, express?.intake)).catch((error: unknown) => {
        // Another process started one of these agents in the same conversation: let every event take its turn there.
        if (express === undefined || !isUniqueViolation(error)) throw error;
        return commit(items, rows, undefined);
      });
      started = new Set([...results.values()].filter((result) => result.started).map((result) => result.id));
      return results;
    } finally {
      express?.settle(started);
    }
  }

  async function commit(
    items: readonly Item[],
    rows: MirrorRows,
    express: ExpressIntake | undefined,
  ): Promise<Map<string, IntakeResult>> {
    const messages = foldMessages(
      items
        .map((item) => toMessageRow(item.row.id, item.envelope))
        .filter((row): row is MessageRow => row !== undefined),
    );
    const ended = items.map(endedAccess).filter((row) => row !== undefined);
    const events = items.map((item) => item.row);
    if (rows.places.length + rows.channels.length + rows.people.length + rows.memberships.length + ended.length === 0) {
      return indexById(await insertEvents(database, events, messages, express));
    }
    const { results, stopped } = await database.transaction(async (tx) => {
      if (rows.places.length > 0) await upsertPlaces(tx, rows.places);
      if (rows.channels.length > 0) await upsertChannels(tx, rows.channels);
      if (rows.people.length > 0) await upsertPeople(tx, rows.people);
      if (rows.memberships.length > 0) await upsertMemberships(tx, rows.memberships);
      const results = await insertEvents(tx, events, messages, express);
      const stopped = ended.length > 0 ? await endAccess(tx, ended) : [];
      const leavers = ended.flatMap(({ inst, channel, asker }) =>
        asker === null ? [] : [{ inst, channel, member: asker }],
      );
      const uninvited = leavers.length > 0 ? await endInvitationsOf(tx, leavers) : [];
      return { results, stopped: [...stopped, ...uninvited] };
    });
    for (const { id, reason } of stopped) options.onEndedAccess(id, `cancelled:${reason}`);
    return indexById(results);
  }

  return {
    async ingest(input, { context = false } = {}) {
      const parsed = Envelope.safeParse(input);
      if (!parsed.success) {
        const first = parsed.error.issues[0];
        throw new ParleyError("PAYLOAD_MALFORMED", {
          detail: `${first?.path.join(".") ?? ""}: ${first?.message ?? "not an envelope"}`,
        });
      }
      const envelope = parsed.data;
      let isFirst = false;
      const outcome = await memory.once(JSON.stringify([envelope.installationId, envelope.dedupeKey]), () => {
        isFirst = true;
        const row = toIntakeRow(newId("e"), envelope, {
          holdMs: options.holdMs(envelope.platform),
          context,
          heard: options.isHeard(envelope),
          digest: options.digest,
        });
        return batcher.add({ envelope, row });
      });
      if (!isFirst) metrics.eventIngested(envelope.platform, "duplicate");
      return outcome;
    },
    async ingestMalformed(event) {
      metrics.eventIngested(event.platform, "malformed");
      await insertDeadLetter(database, {
        id: newId("x"),
        organizationId: event.organizationId,
        stage: "ingest",
        code: "PAYLOAD_MALFORMED",
        reason: event.reason,
        dedupeKey: `raw:${event.installationId}:${event.dedupeKey}`,
        raw: event.raw.slice(0, 262_144).toWellFormed().replaceAll("\u0000", "\ufffd"),
      });
    },
    settle: () => batcher.settle(),
  };
}

/** One event of each channel that had to be mirrored: the identity's coming where there is one. */
function firstOfEach(items: readonly Item[], { channels }: MirrorRows): Iterable<Item> {
  const news = new Set(channels.filter((row) => row.self_member !== false).map((row) => `${row.inst} ${row.channel}`));
  const first = new Map<string, Item>();
  for (const item of items) {
    const key = `${item.row.inst} ${item.row.channel}`;
    if (news.has(key) && (!first.has(key) || item.envelope.kind === "member_joined")) first.set(key, item);
  }
  return first.values();
}

function mirrorRows(items: readonly Item[]): MirrorRows {
  return {
    places: items.flatMap((item) => toPlaceRows(item.envelope)),
    channels: items.map((item) => toChannelRow(item.envelope)),
    people: items.map((item) => toPersonRow(item.envelope)).filter((row) => row !== undefined),
    memberships: items.map((item) => toMembershipRow(item.envelope)).filter((row) => row !== undefined),
  };
}

/** The channel's work ends with the identity's membership or the channel itself; what a person asked for ends with theirs. */
function endedAccess({ row, envelope }: Item): EndedAccess | undefined {
  const place = { inst: row.inst, channel: row.channel, reason: envelope.kind, agent: null };
  if (envelope.kind === "channel_archived") return envelope.body.archived ? { ...place, asker: null } : undefined;
  if (envelope.kind !== "member_left") return undefined;
  return envelope.body.self ? { ...place, asker: null } : askerLeft(place, envelope.body.memberId);
}

function indexById(results: readonly IntakeResult[]): Map<string, IntakeResult> {
  return new Map(results.map((result) => [result.id, result]));
}
