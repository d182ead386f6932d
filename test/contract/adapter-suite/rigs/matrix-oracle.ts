import assert from "node:assert/strict";
import type { Target } from "../../../../src/contracts/adapter.ts";
import { isRedacted, type RoomEvent, RoomLog, relationOf } from "../../../support/matrix/index.ts";
import type { PlatformOracle, ShownMessage } from "../harness.ts";
import { readableText } from "./matrix-readable.ts";
import type { MatrixSide } from "./matrix-side.ts";

/** What the homeserver keeps, and of whom its push rules said that they were mentioned. */
export function matrixOracle(side: MatrixSide): PlatformOracle {
  const { log, proxy, speaker, asker, bystander, stage, encrypting } = side;
  const watchers = [asker, bystander].map((person) => ({
    userId: person.userId,
    log: new RoomLog(stage.synapse.url, person.account.accessToken),
  }));
  const said = (event: RoomEvent): boolean =>
    event.type === "m.room.message" && event.sender === speaker.userId && !isRedacted(event);
  /** As the asker reads them: what is encrypted there is no secret to members. */
  const eventsIn = async (roomId: string): Promise<readonly RoomEvent[]> => {
    const events = await log.events(roomId);
    if (encrypting === undefined) return events;
    if (events.some((event) => event.type === "m.room.encryption"))
      assert.ok(!events.some(said), "something was written in plain into an encrypted room");
    return await Promise.all(events.map((event) => encrypting.asker.open(event)));
  };
  const highlightsOf = async (roomId: string): Promise<ReadonlyMap<string, readonly string[]>> => {
    const found = new Map<string, string[]>();
    const note = (eventId: string, userId: string): void =>
      void found.set(eventId, [...(found.get(eventId) ?? []), userId]);
    for (const watcher of watchers) {
      for (const { event, highlight, room_id } of await watcher.log.notifications())
        if (highlight && room_id === roomId) note(event.event_id, watcher.userId);
    }
    // Of what is encrypted, only each person's own client can say whom it mentions.
    const sealed = encrypting === undefined ? [] : (await log.events(roomId)).filter(isSealed);
    for (const person of Object.values(encrypting ?? {})) {
      for (const event of sealed) if (await person.isMentionedBy(event)) note(event.event_id, person.userId);
    }
    return found;
  };
  const messages = async (target: Target): Promise<readonly ShownMessage[]> => {
    const roomId = target.conversation.channel.id;
    const [events, highlights] = [await eventsIn(roomId), await highlightsOf(roomId)];
    const own = events.filter(said);
    const edits = own.filter((event) => relationOf(event).rel_type === "m.replace");
    return await Promise.all(
      own
        .filter((event) => !edits.includes(event) && threadOf(event) === target.conversation.thread?.id)
        .map(async (event) => {
          const changes = edits.filter((edit) => relationOf(edit).event_id === event.event_id);
          return await shownMessage(side, event, changes, highlights);
        }),
    );
  };
  return {
    messages,
    reactions: async (target, messageId) =>
      (await eventsIn(target.conversation.channel.id)).flatMap((event) => {
        const { event_id: about, key = "" } = relationOf(event);
        const counts = event.type === "m.reaction" && event.sender === speaker.userId && !isRedacted(event);
        return counts && about === messageId ? [key] : [];
      }),
    // A status is a notice of its own until the answer takes its place.
    status: async (target) => (await messages(target)).at(-1)?.content,
    privateAnswers: async () => {
      const events = await Promise.all(side.directRooms.map(eventsIn));
      return events.flat().flatMap((event) => (said(event) ? [String(event.content["body"])] : []));
    },
    earlyWrites: () => proxy.log.early().length,
  };
}

async function shownMessage(
  { log, encrypting }: MatrixSide,
  event: RoomEvent,
  edits: readonly RoomEvent[],
  highlights: ReadonlyMap<string, readonly string[]>,
): Promise<ShownMessage> {
  const newest = edits.at(-1)?.content["m.new_content"] ?? event.content;
  const content = newest as { body?: string; formatted_body?: string; url?: string; file?: object }; // what the adapter wrote
  assert.ok(
    encrypting === undefined || content.url === undefined,
    "a file was uploaded in plain for an encrypted room",
  );
  const notified = [event, ...edits].flatMap((one) => highlights.get(one.event_id) ?? []);
  return {
    id: event.event_id,
    content: content.formatted_body === undefined ? (content.body ?? "") : readableText(content.formatted_body),
    plainText: content.body ?? "",
    notified: [...new Set(notified)],
    unfurled: previewedLinks(newest as object),
    ...(content.url === undefined ? {} : { file: await log.media(content.url) }),
    ...(content.file === undefined || encrypting === undefined
      ? {}
      : { file: await encrypting.asker.openFile(content.file) }),
  };
}

function isSealed(event: RoomEvent): boolean {
  return event.type === "m.room.encrypted" && !isRedacted(event);
}

function threadOf(event: RoomEvent): string | undefined {
  const relation = relationOf(event);
  return relation.rel_type === "m.thread" ? relation.event_id : undefined;
}

/**
 * Addresses that a client may look up to show a preview: those of links, as clients find them, unless the message says that it
 * brings its previews itself, and brings none (MSC4095).
 */
function previewedLinks(content: object): readonly string[] {
  if ("com.beeper.linkpreviews" in content && Array.isArray(content["com.beeper.linkpreviews"])) return [];
  const html = "formatted_body" in content ? String(content.formatted_body) : "";
  const outside = html.replaceAll(/<(pre|code)\b[\s\S]*?<\/\1>/gu, "");
  return [...outside.matchAll(/<a\b[^>]*\bhref="(https?:[^"]+)"/gu)].map((match) => match[1] ?? "");
}
