import { createHash } from "node:crypto";
import type { AdapterSink, IngestOptions } from "../../src/contracts/adapter-sink.ts";
import type { EnvelopeInput } from "../../src/envelope/envelope.ts";
import { ParleyError, toParleyError } from "../../src/errors/parley-error.ts";
import { abortableSleep } from "../shared/abortable-sleep.ts";
import type { InboundContext, Translation } from "./inbound-context.ts";
import { envelopeBase, type Place, personSender } from "./inbound-envelope.ts";
import { translateHistoryMessage, translateMissedChange } from "./inbound-message.ts";
import { asId, asRecord, asString, type Raw } from "./raw.ts";
import { isAfter } from "./read-missed.ts";
import { asTs } from "./timestamps.ts";
import type { Workspace } from "./workspace.ts";

const AT_ONCE = 50;
const RETRY_MS = [250, 500, 1_000, 2_000, 5_000] as const;

export interface MissedMessages {
  readonly sink: AdapterSink;
  readonly workspace: Workspace;
  /** The channel as Slack lists it. */
  readonly channel: Raw;
  /** Oldest first. */
  readonly messages: readonly Raw[];
  /** Those after this one may have been missed; of the others only what changed after it counts. */
  readonly after: string;
  readonly signal: AbortSignal;
}

/**
 * Hands in what was read of one channel, in order, as the events that it would have been, and gives how many were new.
 *
 * What was said while the bot was no member is left out. Resolves once all is in the ledger; rejects only when the signal aborts.
 */
export async function handInMissed(missed: MissedMessages): Promise<number> {
  const { workspace, channel, after } = missed;
  const context = workspace.contextFor(asId(channel["context_team_id"]));
  const place = placeOf(channel);
  let fresh = 0;
  const heard = whileMember(missed.messages, workspace.botUserId);
  for (let begin = 0; begin < heard.length; begin += AT_ONCE) {
    const some = heard.slice(begin, begin + AT_ONCE);
    await knowSenders(workspace, some);
    const counts = await Promise.all(
      some.map(async (message) => {
        const ts = asTs(message["ts"]);
        if (ts === undefined) return 0;
        if (isOwnJoin(message, workspace.botUserId))
          return isAfter(ts, after) ? await take(missed, joined(context, place, ts), { context: true }) : 0;
        let isNew = 0;
        if (isAfter(ts, after)) isNew = await take(missed, translateHistoryMessage(message, context, place));
        // The message was known: it may have changed since. A new one has its newest text already.
        return isNew === 1 ? 1 : await takeChange(missed, context, place, message);
      }),
    );
    fresh += counts.reduce((sum, count) => sum + count, 0);
  }
  return fresh;
}

/** What somebody is decides what they may do; of what bots write, the message itself says all that matters. */
async function knowSenders({ directory }: Workspace, messages: readonly Raw[]): Promise<void> {
  const people = messages.map((message) => (asId(message["bot_id"]) === undefined ? asId(message["user"]) : undefined));
  for (const userId of new Set(people)) if (userId !== undefined) await directory.ensurePerson(userId);
}

/** The messages from the times in which the bot was a member, with its own coming in. */
function whileMember(messages: readonly Raw[], botUserId: string): readonly Raw[] {
  const first = messages.find((message) => isOwnJoin(message, botUserId) || isOwnLeave(message, botUserId));
  let member = first === undefined || isOwnLeave(first, botUserId);
  return messages.filter((message) => {
    if (isOwnLeave(message, botUserId)) member = false;
    if (isOwnJoin(message, botUserId)) member = true;
    return member;
  });
}

function isOwnJoin(message: Raw, botUserId: string): boolean {
  const { subtype, user } = message;
  return (subtype === "channel_join" || subtype === "group_join") && user === botUserId;
}

function isOwnLeave(message: Raw, botUserId: string): boolean {
  const { subtype, user } = message;
  return (subtype === "channel_leave" || subtype === "group_leave") && user === botUserId;
}

/** That the bot came in; Slack's event has an id of its own, so it may be told twice. */
function joined(context: InboundContext, place: Place, ts: string): Translation {
  const memberId = context.botUserId;
  const sender = personSender(context, memberId);
  const base = envelopeBase(context, place, sender, ts, ["member_joined", place.channelId, memberId, `history:${ts}`]);
  return { outcome: "envelope", envelope: { ...base, kind: "member_joined", body: { memberId, self: true } } };
}

function takeChange(missed: MissedMessages, context: InboundContext, place: Place, message: Raw): Promise<number> {
  const changedAt = asTs(asRecord(message["edited"])?.["ts"]);
  const tombstone = message["subtype"] === "tombstone";
  if (!tombstone && (changedAt === undefined || !isAfter(changedAt, missed.after))) return Promise.resolve(0);
  const change = translateMissedChange(message, context, place);
  // What Parley itself changed needs no telling.
  if (change.outcome !== "envelope" || change.envelope.sender.self) return Promise.resolve(0);
  return take(missed, change);
}

/** 1 when it was new. */
async function take(missed: MissedMessages, translation: Translation, options?: IngestOptions): Promise<number> {
  if (translation.outcome !== "envelope") return 0;
  const { envelope } = translation;
  const { sink, signal } = missed;
  for (let attempt = 0; ; attempt += 1) {
    if (signal.aborted) throw new ParleyError("TURN_CANCELLED");
    try {
      const { duplicate } = await (options === undefined ? sink.ingest(envelope) : sink.ingest(envelope, options));
      return duplicate ? 0 : 1;
    } catch (error) {
      const fault = toParleyError(error);
      if (fault.code === "PAYLOAD_MALFORMED") return await refuse(missed, envelope, fault.detail ?? "not an envelope");
      if (attempt === 0)
        sink.logger.warn(
          { code: fault.code, detail: fault.detail },
          "a missed message could not be stored; trying again",
        );
    }
    await abortableSleep(RETRY_MS[Math.min(attempt, RETRY_MS.length - 1)] ?? 5_000, signal);
  }
}

async function refuse({ sink }: MissedMessages, envelope: EnvelopeInput, reason: string): Promise<number> {
  await sink.ingestMalformed({
    platform: "slack",
    installationId: envelope.installationId,
    organizationId: envelope.organizationId,
    reason,
    raw: envelope.kind,
    dedupeKey: `slack:refused:${createHash("sha256").update(envelope.dedupeKey).digest("hex")}`,
  });
  return 0;
}

function placeOf(channel: Raw): Place {
  const name = asString(channel["name"])?.slice(0, 256);
  const isPrivate = channel["is_private"] === true || channel["is_group"] === true;
  return {
    channelId: asId(channel["id"]) ?? "",
    channelType:
      channel["is_im"] === true ? "im" : channel["is_mpim"] === true ? "mpim" : isPrivate ? "group" : "channel",
    channelName: name,
    external: channel["is_ext_shared"] === true,
  };
}
