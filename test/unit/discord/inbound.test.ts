import { describe, expect, it } from "vitest";
import { applyChange } from "../../../adapters/discord/guild-changes.ts";
import { translateInteraction } from "../../../adapters/discord/inbound-interaction.ts";
import {
  translateDeletions,
  translateEdit,
  translateMessage,
  translateReaction,
} from "../../../adapters/discord/inbound-message.ts";
import { contentToText } from "../../../src/envelope/content.ts";
import {
  ADA,
  AGENT_ROLE,
  APPLICATION,
  BOT,
  BOT_ROLE,
  CHANNEL,
  context,
  envelopeOf,
  GUILD,
  guild,
  message,
  THREAD,
} from "./fixtures.ts";

const created = (change: Parameters<typeof message>[0], given = context()) =>
  envelopeOf("message_created", translateMessage(message(change), given, false));
const textOf = (content: string) => contentToText(created({ content }).body.content);

describe("a message", () => {
  it("stands at its place in the guild", () => {
    expect(created({}).conversation).toEqual({
      space: { id: GUILD, name: "Acme" },
      category: { id: "300000000000000000", name: "Work" },
      channel: { id: CHANNEL, name: "general", kind: "public", external: false },
    });
    expect(created({ channel_id: THREAD }).conversation).toMatchObject({
      channel: { id: CHANNEL },
      thread: { id: THREAD, name: "a thread" },
    });
    expect(created({ channel_id: "300000000000000077" }).conversation.channel.kind).toBe("private");
  });

  it.each([
    ["the bot and an agent behind it", `<@${BOT}> guide, what?`, { agents: ["guide"], bot: false }],
    ["the bot alone", `<@!${BOT}> what?`, { agents: [], bot: true }],
    ["the role of the bot", `<@&${BOT_ROLE}> what?`, { agents: [], bot: true }],
    ["the role of an agent", `<@&${AGENT_ROLE}> what?`, { agents: ["guide"], bot: false }],
    ["a handle", "@assistant what?", { agents: ["assistant"], bot: false }],
    ["nobody in code", `\`<@${BOT}> @guide\``, { agents: [], bot: false }],
    ["nobody in a quote", `> <@${BOT}> @guide\nso he said`, { agents: [], bot: false }],
    ["everybody without the right to", "@everyone", { agents: [], everyone: false }],
  ])("names %s", (_name, content, mentions) => {
    expect(created({ content }).body.mentions).toMatchObject(mentions);
  });

  it("names the bot when a reply to it pings, without a word of it", () => {
    const { body } = created({
      type: 19,
      message_reference: { message_id: "1400000000000000000" },
      mentions: [{ id: BOT }],
    });
    expect(body).toMatchObject({ replyToMessageId: "1400000000000000000", mentions: { bot: true } });
  });

  it.each([
    [`<#${CHANNEL}> and <@&${AGENT_ROLE}x>`, `#general and <@&${AGENT_ROLE}x>`],
    ["<:wave:123456789012345678> <a:dance:123456789012345678>", ":wave: :dance:"],
    ["at <t:1750000000:F>", "at 2025-06-15T15:06:40Z"],
    ["</deploy now:123456789012345678>", "/deploy now"],
    ["<https://example.org/x>", "https://example.org/x"],
    ["__under__ **bold** ~~gone~~ ||secret||", "*under* **bold** ~~gone~~ ||secret||"],
    ["-# small print", "small print"],
    ["<t:99999999999999:R>", "<t:99999999999999:R>"],
  ])("reads %s", (content, read) => {
    expect(textOf(content)).toBe(read);
  });

  it("keeps quotes, code and forwards as foreign or verbatim words", () => {
    const { content } = created({
      content: "> quoted\n> twice\nmine\n```ts\nconst a = 1;\n```",
      message_snapshots: [{ message: { content: "from elsewhere" } }],
    }).body;
    expect(content).toEqual([
      { type: "quote", markdown: "quoted\ntwice" },
      { type: "text", markdown: "mine\n" },
      { type: "code", language: "ts", code: "const a = 1;" },
      { type: "quote", markdown: "from elsewhere", sender: "forwarded message" },
    ]);
    expect(created({ content: ">>> all\nof it" }).body.content).toEqual([{ type: "quote", markdown: "all\nof it" }]);
  });

  it("holds its files, a voice message as one", () => {
    const file = { id: "600000000000000001", filename: "a.ogg", content_type: "audio/ogg", size: 12 };
    const [block] = created({ content: "", attachments: [file], flags: 1 << 13 }).body.content;
    expect(block).toEqual({
      type: "media",
      mediaId: `${CHANNEL}/1500000000000000000/600000000000000001`,
      kind: "voice",
      name: "a.ogg",
      mediaType: "audio/ogg",
      sizeBytes: 12,
    });
  });

  it("of the application's own webhook is its own, of others a bot's", () => {
    expect(created({ webhook_id: "7", application_id: APPLICATION }).sender).toMatchObject({ self: true, kind: "bot" });
    expect(created({ webhook_id: "7", application_id: "8" }).sender).toMatchObject({ self: false, kind: "bot" });
    expect(created({ author: { id: BOT, username: "Parley", bot: true } }).sender.self).toBe(true);
    expect(created({ member: { roles: [], flags: 1 << 4 } }).sender.kind).toBe("external_guest");
  });

  it("that names nobody is not heard in the mode mentions, except in private", () => {
    const quiet = context({ mentionsOnly: true });
    expect(translateMessage(message(), quiet, false).outcome).toBe("ignored");
    expect(translateMessage(message(), quiet, true).outcome).toBe("envelope");
    expect(translateMessage(message({ content: `<@${BOT}> hi` }), quiet, false).outcome).toBe("envelope");
  });

  it.each([
    ["an announcement of Discord", { type: 7 }, "ignored"],
    ["no author", { author: undefined }, "malformed"],
    ["an id that is none", { id: "x" }, "malformed"],
  ])("with %s is %s", (_name, change, outcome) => {
    expect(translateMessage(message(change), context(), false).outcome).toBe(outcome);
  });
});

describe("a change of a message", () => {
  it("is an edit only with the time of one", () => {
    expect(translateEdit(message({ embeds: [{}] }), context(), false).outcome).toBe("ignored");
    const edited = message({ content: "new", edited_timestamp: "2026-09-01T10:05:00.500000+00:00" });
    const envelope = envelopeOf("message_edited", translateEdit(edited, context(), false));
    expect(envelope).toMatchObject({
      revision: Date.parse("2026-09-01T10:05:00.500Z"),
      occurredAt: "2026-09-01T10:05:00.500Z",
    });
    expect(envelope.platformOrder > created({}).platformOrder).toBe(true);
  });

  it("may delete many at once", () => {
    const event = { channel_id: CHANNEL, guild_id: GUILD, ids: ["1500000000000000001", "1500000000000000002"] };
    const keys = translateDeletions(event, context(), false).map((one) => envelopeOf("message_deleted", one).dedupeKey);
    expect(new Set(keys).size).toBe(2);
  });

  it("may be a reaction, with an emoji of the guild's own too", () => {
    const event = {
      channel_id: CHANNEL,
      message_id: "1500000000000000000",
      user_id: ADA,
      emoji: { id: "5", name: "yay" },
    };
    expect(
      envelopeOf("reaction_added", translateReaction("reaction_added", event, context(), false)).body.reaction,
    ).toBe("yay:5");
  });
});

describe("a change of the guild", () => {
  const change = (type: string, data: Record<string, unknown>) => {
    const of = guild();
    return { of, told: applyChange(type, data, of, context({}, of)) };
  };
  const kinds = (told: readonly { outcome: string; envelope?: { kind: string } }[]) =>
    told.map((one) => one.envelope?.kind ?? one.outcome);

  it("that hides a channel from the bot makes it leave", () => {
    const overwrites = [{ id: BOT, type: 1, allow: "0", deny: String(1 << 10) }];
    const { told } = change("CHANNEL_UPDATE", {
      id: CHANNEL,
      type: 0,
      name: "general",
      permission_overwrites: overwrites,
    });
    expect(kinds(told)).toEqual(["ignored", "member_left"]);
    expect(envelopeOf("member_left", told[1]).body).toEqual({ memberId: BOT, self: true });
  });

  it("of a role that takes every channel away makes the bot leave them", () => {
    const { told } = change("GUILD_ROLE_UPDATE", { role: { id: GUILD, name: "@everyone", permissions: "0" } });
    expect(kinds(told)).toEqual(["member_left"]);
  });

  it.each([
    ["a new name", { name: "renamed" }, ["channel_renamed"]],
    ["the same name", { name: "general", topic: "other" }, ["ignored"]],
  ])("gives a channel %s", (_name, more, expected) => {
    expect(kinds(change("CHANNEL_UPDATE", { id: CHANNEL, type: 0, ...more }).told)).toEqual(expected);
  });

  it("tells of a channel's end, and of threads that are new", () => {
    expect(kinds(change("CHANNEL_DELETE", { id: CHANNEL, type: 0, name: "general" }).told)).toEqual([
      "channel_archived",
    ]);
    const thread = { id: "300000000000000010", type: 11, name: "t", parent_id: CHANNEL, owner_id: ADA };
    expect(kinds(change("THREAD_CREATE", { ...thread, newly_created: true }).told)).toEqual(["thread_created"]);
    expect(kinds(change("THREAD_CREATE", thread).told)).toEqual(["ignored"]);
  });

  it("lets a member leave every channel that they could see, and forgets them", () => {
    const { of, told } = change("GUILD_MEMBER_REMOVE", { user: { id: ADA, username: "ada" } });
    expect(envelopeOf("member_left", told[0]).body).toEqual({ memberId: ADA, self: false });
    expect(of.member(ADA)).toBeUndefined();
  });
});

describe("an interaction", () => {
  const interaction = (change: Record<string, unknown>) => ({
    id: "1500000000000000100",
    token: "token",
    channel_id: CHANNEL,
    guild_id: GUILD,
    member: { user: { id: ADA, username: "ada" }, roles: [] },
    ...change,
  });
  const translate = (change: Record<string, unknown>) => translateInteraction(interaction(change), context(), "parley");

  it("asks an agent by its option, and shows the question to all", () => {
    const options = [
      {
        type: 1,
        name: "ask",
        options: [
          { type: 3, name: "agent", value: "guide" },
          { type: 3, name: "question", value: "what?" },
        ],
      },
    ];
    const asked = translate({ type: 2, data: { name: "parley", options } });
    expect(asked).toMatchObject({
      outcome: "event",
      envelope: {
        kind: "command_invoked",
        body: { command: "ask", mentions: { agents: ["guide"] }, responseToken: "token" },
      },
      acknowledge: { form: "question" },
    });
  });

  it.each([
    [
      "an approval",
      { type: 3, data: { custom_id: "parley:a:yes:deploy-1" }, message: { id: "15" } },
      { kind: "action_submitted", body: { actionId: "deploy-1", value: "yes", messageId: "15" } },
    ],
    [
      "a stop",
      { type: 3, data: { custom_id: "parley:stop" }, message: { id: "15" } },
      { kind: "session_stopped", body: { messageId: "15" } },
    ],
    [
      "a form",
      {
        type: 5,
        data: {
          custom_id: "parley:f:in-1",
          components: [{ type: 18, component: { type: 4, custom_id: "field:a", value: "b" } }],
        },
      },
      { kind: "action_submitted", body: { actionId: "in-1", fields: { a: "b" } } },
    ],
  ])("submits %s", (_name, change, envelope) => {
    expect(translate(change)).toMatchObject({ outcome: "event", envelope, acknowledge: { form: "silent" } });
  });

  it("opens the form of a button, and suggests agents while one is typed", () => {
    expect(translate({ type: 3, data: { custom_id: "parley:i:in-1" } })).toEqual({
      outcome: "open_form",
      inputId: "in-1",
    });
    const options = [{ type: 1, name: "ask", options: [{ type: 3, name: "agent", value: "gu", focused: true }] }];
    expect(translate({ type: 4, data: { name: "parley", options } })).toMatchObject({
      outcome: "suggest",
      typed: "gu",
      word: "ask",
    });
  });

  it("without what it needs is malformed, of an unknown type ignored", () => {
    expect(translate({ type: 2 }).outcome).toBe("malformed");
    expect(translate({ type: 77, data: {} }).outcome).toBe("ignored");
  });
});
