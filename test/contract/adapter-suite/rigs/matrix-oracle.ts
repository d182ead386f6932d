import type { Target } from "../../../../src/contracts/adapter.ts";
import { isRedacted, type RoomEvent, RoomLog, relationOf } from "../../../support/matrix/index.ts";
import type { PlatformOracle, ShownMessage } from "../harness.ts";
import { readableText } from "./matrix-readable.ts";
import type { MatrixSide } from "./matrix-side.ts";

/** What the homeserver keeps, and of whom its push rules said that they were mentioned. */
export function matrixOracle(side: MatrixSide): PlatformOracle {
  const { log, proxy, speaker, asker, bystander, stage } = side;
  const watchers = [asker, bystander].map((person) => ({
    userId: person.userId,
    log: new RoomLog(stage.synapse.url, person.account.accessToken),
  }));
  const highlightsOf = async (roomId: string): Promise<ReadonlyMap<string, readonly string[]>> => {
    const found = new Map<string, string[]>();
    for (const watcher of watchers) {
      for (const { event, highlight, room_id } of await watcher.log.notifications()) {
        if (!highlight || room_id !== roomId) continue;
        found.set(event.event_id, [...(found.get(event.event_id) ?? []), watcher.userId]);
      }
    }
    return found;
  };
  const said = (event: RoomEvent): boolean =>
    event.type === "m.room.message" && event.sender === speaker.userId && !isRedacted(event);
  const messages = async (target: Target): Promise<readonly ShownMessage[]> => {
    const roomId = target.conversation.channel.id;
    const [events, highlights] = [await log.events(roomId), await highlightsOf(roomId)];
    const own = events.filter(said);
    const edits = own.filter((event) => relationOf(event).rel_type === "m.replace");
    return await Promise.all(
      own
        .filter((event) => !edits.includes(event) && threadOf(event) === target.conversation.thread?.id)
        .map(async (event) => {
          const changes = edits.filter((edit) => relationOf(edit).event_id === event.event_id);
          return await shownMessage(log, event, changes, highlights);
        }),
    );
  };
  return {
    messages,
    reactions: async (target, messageId) =>
      (await log.events(target.conversation.channel.id)).flatMap((event) => {
        const { event_id: about, key = "" } = relationOf(event);
        const counts = event.type === "m.reaction" && event.sender === speaker.userId && !isRedacted(event);
        return counts && about === messageId ? [key] : [];
      }),
    // A status is a notice of its own until the answer takes its place.
    status: async (target) => (await messages(target)).at(-1)?.content,
    privateAnswers: () => Promise.reject(new Error("in Matrix nothing is shown to one person alone")),
    earlyWrites: () => proxy.log.early().length,
  };
}

async function shownMessage(
  log: RoomLog,
  event: RoomEvent,
  edits: readonly RoomEvent[],
  highlights: ReadonlyMap<string, readonly string[]>,
): Promise<ShownMessage> {
  const newest = edits.at(-1)?.content["m.new_content"] ?? event.content;
  const content = newest as { body?: string; formatted_body?: string; url?: string }; // what the adapter wrote
  const notified = [event, ...edits].flatMap((one) => highlights.get(one.event_id) ?? []);
  return {
    id: event.event_id,
    content: content.formatted_body === undefined ? (content.body ?? "") : readableText(content.formatted_body),
    plainText: content.body ?? "",
    notified: [...new Set(notified)],
    unfurled: previewedLinks(newest as object),
    ...(content.url === undefined ? {} : { file: await log.media(content.url) }),
  };
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
