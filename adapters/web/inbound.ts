import type { WebEventRecord, WebPostRecord, WebRoomRecord } from "../../src/contracts/web-room-records.ts";
import { conversationKey, type Sender } from "../../src/envelope/conversation.ts";
import { ENVELOPE_VERSION, Envelope, type EnvelopeInput, EVENT_KINDS } from "../../src/envelope/envelope.ts";
import { WEB_SELF_ID, WEB_SPACE_ID } from "./ids.ts";

/** Change numbers are padded to this width, so that they sort as strings. */
const ORDER_DIGITS = 16;

/** Sorts like the number it stands for, by plain string comparison. */
export function seqToOrder(seq: number): string {
  return String(seq).padStart(ORDER_DIGITS, "0");
}

export type Translation =
  | { readonly envelope: Envelope }
  | { readonly malformed: string }
  /** Written by a newer version, for readers of its own. */
  | { readonly ignored: string };

/** Translates an entry of the platform log; pure, so each attempt at the same entry gives the same envelope. */
export function eventToEnvelope(event: WebEventRecord, installationId: string): Translation {
  if (!EVENT_KINDS.includes(event.kind)) return { ignored: "unknown kind of entry" };
  const bySelf = event.personId === undefined;
  const candidate = {
    ...place(event, event.room, installationId),
    sender: bySelf
      ? { id: WEB_SELF_ID, kind: "bot", name: "Parley", self: true }
      : {
          id: event.personId,
          kind: event.personExternal === true ? "external_guest" : "human",
          memberClass: classOf(event),
          name: event.personName ?? event.personId,
        },
    occurredAt: event.occurredAt,
    revision: event.revision,
    traceId: event.traceId,
    kind: event.kind,
    body: event.body,
  };
  const parsed = Envelope.safeParse(candidate);
  if (parsed.success) return { envelope: parsed.data };
  const issue = parsed.error.issues[0];
  return { malformed: `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "not an envelope"}` };
}

/** Undefined for somebody who is gone. */
function classOf({ personExternal, personRole }: WebEventRecord): Sender["memberClass"] {
  if (personExternal === true) return "external";
  return personRole === undefined || personRole === "member" ? personRole : "admin";
}

/** What is equal for equal entries: two deliveries of one entry have one dedupe key. */
export function dedupeKeyOf(installationId: string, roomId: string, seq: number): string {
  return `web:${installationId}:${roomId}:${seq}`;
}

interface Placed {
  readonly organizationId: string;
  readonly roomId: string;
  readonly threadRootId?: string;
  readonly seq: number;
}

/** A direct message has the one agent that it is with, and between people none; rooms have all that inherit membership. */
function membersOf(room: Pick<WebRoomRecord, "kind" | "agentHandle">): { agents?: string[] } {
  if (room.kind !== "direct") return {};
  return { agents: room.agentHandle === undefined ? [] : [room.agentHandle] };
}

function place(what: Placed, room: Pick<WebRoomRecord, "name" | "kind" | "agentHandle">, installationId: string) {
  return {
    version: ENVELOPE_VERSION,
    organizationId: what.organizationId,
    installationId,
    platform: "web",
    conversation: {
      space: { id: WEB_SPACE_ID },
      channel: { id: what.roomId, name: room.name, kind: room.kind, ...membersOf(room) },
      ...(what.threadRootId === undefined ? {} : { thread: { id: what.threadRootId } }),
    },
    platformOrder: seqToOrder(what.seq),
    dedupeKey: dedupeKeyOf(installationId, what.roomId, what.seq),
    orderingKey: conversationKey(installationId, what.roomId, what.threadRootId),
  } as const;
}

/** Gives a past post as the envelope that it was, or for an agent's post would have been. */
export function postToEnvelope(
  post: WebPostRecord,
  room: Pick<WebRoomRecord, "name" | "kind">,
  installationId: string,
  traceId: string,
): EnvelopeInput {
  const { author } = post;
  const sender =
    author.kind === "person"
      ? ({ id: author.id, kind: "human", name: author.name } as const)
      : ({
          id: author.id,
          kind: "agent",
          name: author.name,
          self: true,
          ...(author.handle === undefined ? {} : { agent: author.handle }),
        } as const);
  return {
    ...place(post, room, installationId),
    sender,
    occurredAt: post.createdAt,
    revision: post.revision,
    traceId,
    kind: "message_created",
    body: {
      messageId: post.postId,
      content:
        post.content === undefined ? [{ type: "text", markdown: post.text.slice(0, 65_536) }] : [...post.content],
      mentions: {
        people: [...post.mentions.personIds],
        agents: [...post.mentions.agentHandles],
        everyone: post.mentions.everyone,
      },
    },
  };
}
