import { z } from "zod";
import { ContentBlock, SafeText } from "./content.ts";
import { ConversationPath, Sender } from "./conversation.ts";
import { InstallationId, OrganizationId, PlatformId, wireKey } from "./ids.ts";

/** Version of the envelope's shape; a reader accepts its own and the one before. */
export const ENVELOPE_VERSION = 1;

/** Who a message names, split by kind, so that routing never reads text. */
export const Mentions = z.object({
  people: z.array(PlatformId).max(200).default([]),
  /** Handles of Parley's agents, or platform ids of identities that stand for exactly one agent. */
  agents: z.array(PlatformId).max(50).default([]),
  everyone: z.boolean().default(false),
  /** The installation's own bot identity was named, without saying which agent. */
  bot: z.boolean().default(false),
});
export type Mentions = z.infer<typeof Mentions>;

const Reference = z.object({ messageId: PlatformId });

const MessageBody = Reference.extend({
  content: z.array(ContentBlock).max(500),
  mentions: Mentions,
  replyToMessageId: PlatformId.optional(),
});

const kinds = {
  /** A message was posted; in a direct message or a thread, `conversation` says so. */
  message_created: MessageBody,
  /** The text of a message changed; unfurls and other changes without new text are not edits. */
  message_edited: MessageBody,
  message_deleted: Reference,
  reaction_added: Reference.extend({ reaction: wireKey(255) }),
  reaction_removed: Reference.extend({ reaction: wireKey(255) }),
  /** `memberId` may be a person or the installation's own bot (`self`). */
  member_joined: z.object({ memberId: PlatformId, memberName: SafeText.optional(), self: z.boolean().default(false) }),
  member_left: z.object({ memberId: PlatformId, self: z.boolean().default(false) }),
  channel_created: z.object({ name: SafeText }),
  channel_renamed: z.object({ name: SafeText }),
  channel_archived: z.object({ archived: z.boolean() }),
  /** A thread came into being apart from its first message (Discord, forum posts). */
  thread_created: z.object({ name: SafeText.optional(), rootMessageId: PlatformId.optional() }),
  /** A direct message conversation was opened, before anything was said in it. */
  direct_message_opened: z.object({}),
  command_invoked: z.object({
    command: wireKey(64),
    text: SafeText,
    mentions: Mentions,
    /** Where an answer for the caller alone can be sent, if the platform gives such a place; opaque. */
    responseToken: wireKey(2048).optional(),
  }),
  action_submitted: z.object({
    actionId: wireKey(255),
    value: SafeText.optional(),
    messageId: PlatformId.optional(),
    fields: z.record(wireKey(255), SafeText).default({}),
    /** The sign, where it was chosen by reacting to the question. */
    reaction: wireKey(255).optional(),
  }),
  /** It is time for what an agent was asked to do later; the sender is the person who asked. Parley's own, of no platform. */
  schedule_fired: z.object({ scheduleId: wireKey(128), agentId: PlatformId, task: SafeText }),
  /** A person stopped what an agent was doing here; without `messageId`, all of it. */
  session_stopped: z.object({ messageId: PlatformId.optional() }),
} as const;

export type EventKind = keyof typeof kinds;
/** Kinds that adapters hand in; the others are Parley's own. */
export type PlatformEventKind = Exclude<EventKind, "schedule_fired">;
export const EVENT_KINDS = Object.keys(kinds) as EventKind[]; // the object above is the list; keyof loses nothing here

const base = z.object({
  version: z.literal(ENVELOPE_VERSION),
  organizationId: OrganizationId,
  installationId: InstallationId,
  platform: wireKey(32),
  conversation: ConversationPath,
  sender: Sender,
  /** The platform's time of the event, ISO 8601 in UTC with milliseconds. */
  occurredAt: z.iso.datetime(),
  /** Sorts events of one conversation in platform order by plain string comparison. */
  platformOrder: wireKey(128),
  /** 0 for a first version; edits count up or carry the platform's edit time in ms. */
  revision: z.number().int().nonnegative().default(0),
  /** Equal for two deliveries of one event, different for two events; unique per installation. */
  dedupeKey: wireKey(512),
  /** Names the unit of order: events with equal keys are routed one after another. */
  orderingKey: wireKey(512),
  /** What caused this event, when an agent's turn did. */
  cause: z
    .object({ turnId: wireKey(512), rootEventId: wireKey(512), hopCount: z.number().int().nonnegative() })
    .optional(),
  traceId: z.string().regex(/^[0-9a-f]{32}$/, "must be 32 hexadecimal digits (W3C trace context)"),
});

function envelopeOf<Kind extends EventKind>(kind: Kind) {
  return base.extend({ kind: z.literal(kind), body: kinds[kind] });
}

/** The normalised inbound event: what every adapter produces and all of the pipeline reads. */
export const Envelope = z.discriminatedUnion("kind", [
  envelopeOf("message_created"),
  envelopeOf("message_edited"),
  envelopeOf("message_deleted"),
  envelopeOf("reaction_added"),
  envelopeOf("reaction_removed"),
  envelopeOf("member_joined"),
  envelopeOf("member_left"),
  envelopeOf("channel_created"),
  envelopeOf("channel_renamed"),
  envelopeOf("channel_archived"),
  envelopeOf("thread_created"),
  envelopeOf("direct_message_opened"),
  envelopeOf("command_invoked"),
  envelopeOf("action_submitted"),
  envelopeOf("session_stopped"),
  envelopeOf("schedule_fired"),
]);
export type Envelope = z.infer<typeof Envelope>;
/** What an adapter may hand in: defaults may be left out, ids are not branded yet. */
export type EnvelopeInput = z.input<typeof Envelope>;
export type EnvelopeOf<Kind extends EventKind> = Extract<Envelope, { kind: Kind }>;
