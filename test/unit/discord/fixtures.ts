import { Guild } from "../../../adapters/discord/guild.ts";
import type { InboundContext, Translation } from "../../../adapters/discord/inbound-context.ts";
import type { Raw } from "../../../adapters/discord/raw.ts";
import { agentIndex } from "../../../adapters/shared/agent-index.ts";
import { Envelope, type EnvelopeOf, type EventKind } from "../../../src/envelope/envelope.ts";

export const BOT = "900000000000000001";
export const APPLICATION = "900000000000000002";
export const ADA = "100000000000000001";
export const GUILD = "200000000000000001";
export const CHANNEL = "300000000000000001";
export const THREAD = "300000000000000009";
export const BOT_ROLE = "400000000000000001";
export const AGENT_ROLE = "400000000000000002";

/** A guild with one open channel in a category, one thread in it, and two roles. */
export function guild(): Guild {
  const made = new Guild(GUILD, { botUserId: BOT, memberEvents: true });
  made.load(
    {
      id: GUILD,
      name: "Acme",
      owner_id: "100000000000000009",
      roles: [
        { id: GUILD, name: "@everyone", permissions: String((1 << 10) | (1 << 11) | (1 << 16)) },
        { id: BOT_ROLE, name: "Parley", permissions: "0", tags: { bot_id: BOT } },
        { id: AGENT_ROLE, name: "guide", permissions: "0" },
      ],
      channels: [
        { id: "300000000000000000", type: 4, name: "Work" },
        { id: CHANNEL, type: 0, name: "general", parent_id: "300000000000000000", permission_overwrites: [] },
      ],
      threads: [{ id: THREAD, type: 11, name: "a thread", parent_id: CHANNEL }],
      members: [
        { user: { id: BOT, username: "Parley", bot: true }, roles: [BOT_ROLE] },
        { user: { id: ADA, username: "ada", global_name: "Ada" }, roles: [] },
      ],
    },
    true,
  );
  return made;
}

export function context(change: Partial<InboundContext> = {}, of: Guild = guild()): InboundContext {
  return {
    organizationId: "acme",
    installationId: "i1",
    space: { id: GUILD, name: "Acme" },
    applicationId: APPLICATION,
    botUserId: BOT,
    botName: "Parley",
    botRoleId: of.botRoleId,
    mentionsOnly: false,
    agents: agentIndex([
      { agentId: "1", handle: "guide", name: "Guide" },
      { agentId: "2", handle: "assistant", name: "Assistant" },
    ]),
    place: (id) => of.place(id),
    channelName: (id) => of.nameOf(id),
    roleName: (id) => of.roles.get(id)?.name,
    memberClass: () => "member",
    person: (id) => of.member(id)?.person,
    deliveryKey: "session:7",
    newTraceId: () => "0".repeat(32),
    nowMs: () => 1_790_000_000_000,
    ...change,
  };
}

export function message(change: Raw = {}): Raw {
  return {
    id: "1500000000000000000",
    channel_id: CHANNEL,
    guild_id: GUILD,
    type: 0,
    content: "hello",
    timestamp: "2026-09-01T10:00:00.000000+00:00",
    edited_timestamp: null,
    author: { id: ADA, username: "ada", global_name: "Ada" },
    mentions: [],
    attachments: [],
    flags: 0,
    ...change,
  };
}

/** The envelope of a translation, as the schema reads it. */
export function envelopeOf<Kind extends EventKind>(kind: Kind, translation: Translation | undefined): EnvelopeOf<Kind> {
  if (translation?.outcome !== "envelope") throw new Error(`no envelope: ${JSON.stringify(translation)}`);
  const envelope = Envelope.parse(translation.envelope);
  if (envelope.kind !== kind) throw new Error(`${envelope.kind} instead of ${kind}`);
  return envelope as EnvelopeOf<Kind>; // its kind was compared above
}
