import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { translateEvent } from "../../../adapters/slack/inbound-event.ts";
import { contentToText } from "../../../src/envelope/content.ts";
import { Envelope } from "../../../src/envelope/envelope.ts";
import {
  BOT,
  CHANNEL,
  context,
  delivery,
  envelopeOf,
  message,
  richText,
  section,
  TEAM,
  TS,
  translate,
} from "./fixtures.ts";

describe("a posted message", () => {
  test("becomes an envelope with place, sender, order and keys", () => {
    const envelope = envelopeOf(translate(message("hello")), "message_created");
    expect(envelope).toMatchObject({
      platform: "slack",
      conversation: { space: { id: TEAM, name: "Home" }, channel: { id: CHANNEL, kind: "public", external: false } },
      sender: { id: "U0ANN", kind: "human", self: false },
      occurredAt: "2025-11-01T12:26:40.000Z",
      platformOrder: "001762000000.000100",
      revision: 0,
      dedupeKey: JSON.stringify(["inst-1", "message", CHANNEL, TS]),
      orderingKey: JSON.stringify(["inst-1", CHANNEL]),
      body: { messageId: TS, content: [{ type: "text", markdown: "hello" }] },
    });
    expect(envelope.conversation.thread).toBeUndefined();
  });

  test.each([
    ["channel", "public"],
    ["group", "private"],
    ["im", "direct"],
    ["mpim", "group_direct"],
  ])("of channel type %s is %s", (channelType, kind) => {
    const { conversation } = envelopeOf(translate(message("x", { channel_type: channelType })), "message_created");
    expect(conversation.channel.kind).toBe(kind);
  });

  test("without a channel type is private unless the channel is known", () => {
    const event = message("x", { channel_type: undefined });
    expect(envelopeOf(translate(event), "message_created").conversation.channel.kind).toBe("private");
    const known = { channels: { [CHANNEL]: { kind: "public" as const, name: "general", external: true } } };
    expect(envelopeOf(translate(event, known), "message_created").conversation.channel).toEqual({
      id: CHANNEL,
      kind: "public",
      name: "general",
      external: true,
    });
  });

  test("in a thread is part of the thread; the first message of a thread is part of the channel", () => {
    const reply = envelopeOf(translate(message("x", { thread_ts: "1761999999.000001" })), "message_created");
    expect(reply.conversation.thread).toEqual({ id: "1761999999.000001" });
    expect(reply.orderingKey).toBe(JSON.stringify(["inst-1", CHANNEL, "1761999999.000001"]));
    const root = envelopeOf(translate(message("x", { thread_ts: TS })), "message_created");
    expect(root.conversation.thread).toBeUndefined();
  });

  test("and its app_mention twin give the same envelope, whatever comes first", () => {
    const known = { channels: { [CHANNEL]: { kind: "public" as const, name: "general", external: false } } };
    const text = `<@${BOT}> what now?`;
    const first = translateEvent(delivery(message(text), { event_id: "Ev1" }), context(known));
    const twin = { ...message(text, { type: "app_mention", channel_type: undefined }) };
    const second = translateEvent(delivery(twin, { event_id: "Ev2" }), context(known));
    expect(second).toEqual(first);
    expect(envelopeOf(second, "message_created").body.mentions.bot).toBe(true);
  });

  test("of another installation has other keys", () => {
    const one = envelopeOf(translate(message("x")), "message_created");
    const two = envelopeOf(translate(message("x"), { installationId: "inst-2" }), "message_created");
    expect(two.dedupeKey).not.toBe(one.dedupeKey);
    expect(two.orderingKey).not.toBe(one.orderingKey);
  });

  test("carries its files, and a voice clip is voice", () => {
    const files = [
      { id: "F1", name: "plan.pdf", mimetype: "application/pdf", size: 12 },
      { id: "F2", name: "clip.m4a", mimetype: "audio/mp4", subtype: "slack_audio" },
      { id: "F3", mode: "tombstone" },
    ];
    const { body } = envelopeOf(translate(message("see", { subtype: "file_share", files })), "message_created");
    expect(body.content.slice(1)).toEqual([
      { type: "media", mediaId: "F1", kind: "file", name: "plan.pdf", mediaType: "application/pdf", sizeBytes: 12 },
      { type: "media", mediaId: "F2", kind: "voice", name: "clip.m4a", mediaType: "audio/mp4" },
    ]);
  });

  test("that forwards another one quotes it", () => {
    const attachments = [
      { is_share: true, author_name: "Bob", text: "the original" },
      { from_url: "https://x.example", title: "a preview", fallback: "a preview" },
    ];
    const { body } = envelopeOf(translate(message("look", { attachments })), "message_created");
    expect(body.content).toEqual([
      { type: "text", markdown: "look" },
      { type: "quote", markdown: "the original", sender: "Bob" },
    ]);
  });
});

describe("the sender", () => {
  const senderOf = (more: Record<string, unknown>) =>
    envelopeOf(translate(message("x", more)), "message_created").sender;

  test.each([
    ["the bot user", { user: BOT }],
    ["the bot id", { user: undefined, bot_id: "B0PARLEY", subtype: "bot_message", username: "Guide" }],
    ["the app id", { user: undefined, bot_id: "B9", app_id: "A0PARLEY" }],
  ])("is oneself by %s", (_by, more) => {
    expect(senderOf(more)).toMatchObject({ self: true, kind: "bot" });
  });

  test("is another bot", () => {
    expect(senderOf({ user: undefined, bot_id: "B1", subtype: "bot_message", username: "CI" })).toMatchObject({
      id: "B1",
      kind: "bot",
      self: false,
      name: "CI",
    });
  });

  test.each([
    ["of another workspace", "external", { user_team: "T0OTHER" }],
    ["with a restricted account", "guest", { user_profile: { is_restricted: true, display_name: "Gus" } }],
  ])("%s is an external guest", (_what, memberClass, more) => {
    expect(senderOf(more)).toMatchObject({ kind: "external_guest", memberClass, self: false });
  });

  test("is nobody of whom it is known what they are, where neither the event nor memory says it", () => {
    expect(senderOf({})).not.toHaveProperty("memberClass");
  });

  test("is named from memory", () => {
    const people = {
      U0ANN: {
        name: "Ann",
        kind: "human" as const,
        memberClass: "member" as const,
        avatarUrl: "https://a.example/x.png",
      },
    };
    expect(envelopeOf(translate(message("x"), { people }), "message_created").sender).toMatchObject({
      name: "Ann",
      avatarUrl: "https://a.example/x.png",
    });
  });

  test("in a shared channel marks the conversation as external", () => {
    const { conversation } = envelopeOf(
      translate(message("x"), {}, { is_ext_shared_channel: true }),
      "message_created",
    );
    expect(conversation.channel.external).toBe(true);
  });
});

describe("changes of a message", () => {
  const change = (before: unknown, after: Record<string, unknown>) =>
    translate({
      type: "message",
      subtype: "message_changed",
      channel: CHANNEL,
      channel_type: "channel",
      ts: "1762000009.000000",
      event_ts: "1762000009.000000",
      previous_message: before,
      message: { type: "message", user: "U0ANN", ts: TS, ...after },
    });

  test("with new text are edits that name the message and sort after it", () => {
    const envelope = envelopeOf(
      change(
        { text: "old", user: "U0ANN", ts: TS },
        { text: "new", edited: { user: "U0ANN", ts: "1762000008.500000" } },
      ),
      "message_edited",
    );
    expect(envelope.body).toMatchObject({ messageId: TS, content: [{ type: "text", markdown: "new" }] });
    expect(envelope.revision).toBe(1_762_000_008_500);
    expect(envelope.platformOrder > "001762000000.000100").toBe(true);
  });

  test("without new text are none", () => {
    const preview = { text: "see https://x.example", user: "U0ANN", ts: TS };
    expect(change(preview, { text: preview.text, attachments: [{ title: "X" }] })).toEqual({
      outcome: "ignored",
      reason: "change without new text",
    });
    expect(change(undefined, { text: "x" })).toMatchObject({ outcome: "ignored" });
  });

  test("into a tombstone are deletions", () => {
    const envelope = envelopeOf(
      change({ text: "old", user: "U0ANN", ts: TS }, { subtype: "tombstone", text: "This message was deleted." }),
      "message_deleted",
    );
    expect(envelope.body.messageId).toBe(TS);
  });

  test("a deletion names the message and its thread", () => {
    const envelope = envelopeOf(
      translate({
        type: "message",
        subtype: "message_deleted",
        channel: CHANNEL,
        channel_type: "channel",
        deleted_ts: TS,
        ts: "1762000020.000000",
        event_ts: "1762000020.000000",
        previous_message: { user: "U0ANN", text: "gone", ts: TS, thread_ts: "1761999999.000001" },
      }),
      "message_deleted",
    );
    expect(envelope).toMatchObject({
      body: { messageId: TS },
      sender: { id: "U0ANN" },
      conversation: { thread: { id: "1761999999.000001" } },
    });
  });

  test.each(["channel_join", "channel_leave", "channel_topic", "huddle_thread"])(
    "subtype %s is ignored with a reason",
    (subtype) => {
      expect(translate(message("x", { subtype }))).toEqual({
        outcome: "ignored",
        reason: `message subtype ${subtype}`,
      });
    },
  );
});

describe("mentions", () => {
  const mentionsOf = (text: string) => envelopeOf(translate(message(text)), "message_created").body.mentions;

  test.each([
    [`<@${BOT}> hello`, { bot: true, agents: [] }],
    [`<@${BOT}> guide what can you do?`, { bot: false, agents: ["guide"] }],
    [`<@${BOT}|parley>: @guide what can you do?`, { bot: false, agents: ["guide"] }],
    [
      `<@${BOT}> guide, assistant and release-notes: all of you`,
      { bot: false, agents: ["guide", "assistant", "release-notes"] },
    ],
    [`<@${BOT}> The Assistant, please`, { bot: false, agents: ["assistant"] }],
    [`<@${BOT}> guided tours are nice`, { bot: true, agents: [] }],
    [`thanks <@${BOT}>`, { bot: true, agents: [] }],
    ["@guide hello", { bot: false, agents: ["guide"] }],
    ["hello @Guide.", { bot: false, agents: ["guide"] }],
    ["mail me at ann@guide.example", { bot: false, agents: [] }],
    ["`@guide` is a handle", { bot: false, agents: [] }],
    ["@nobody hello", { bot: false, agents: [] }],
  ])("%s", (text, expected) => {
    expect(mentionsOf(text)).toMatchObject(expected);
  });

  test("people, groups, channels and everyone are told apart", () => {
    const { body } = envelopeOf(
      translate(message("<@U0BOB|bob> <!subteam^S1|@devs> <#C9|random> <!here>")),
      "message_created",
    );
    expect(body.mentions).toEqual({ people: ["U0BOB"], agents: [], everyone: true, bot: false });
    expect(body.content.filter((block) => block.type === "mention")).toEqual([
      { type: "mention", target: "person", id: "U0BOB", name: "bob" },
      { type: "mention", target: "group", id: "S1", name: "devs" },
      { type: "mention", target: "channel", id: "C9", name: "random" },
      { type: "mention", target: "everyone", name: "here" },
    ]);
  });
});

describe("text", () => {
  const read = (text: string, blocks?: unknown[]) =>
    envelopeOf(translate(message(text, blocks === undefined ? {} : { blocks })), "message_created").body.content;

  test("mrkdwn becomes Markdown and entities become their signs", () => {
    expect(
      read(
        "*bold* _it_ ~gone~ 1 &lt; 2 &amp;&amp; 3 &gt; 2 <https://x.example/a?b=1&amp;c=2|link> <https://y.example> <mailto:a@b.example|a@b.example>",
      ),
    ).toEqual([
      {
        type: "text",
        markdown:
          "**bold** _it_ ~~gone~~ 1 < 2 && 3 > 2 [link](https://x.example/a?b=1&c=2) https://y.example a@b.example",
      },
    ]);
  });

  test("fences become code, marked lines become quotes", () => {
    expect(read("see\n```const a = 1 &lt; 2;```\n&gt; said before\nok")).toEqual([
      { type: "text", markdown: "see\n" },
      { type: "code", code: "const a = 1 < 2;" },
      { type: "quote", markdown: "said before" },
      { type: "text", markdown: "ok" },
    ]);
  });

  test("rich text is read in full", () => {
    const blocks = [
      richText(
        section(
          { type: "text", text: "Hi " },
          { type: "user", user_id: "U0BOB" },
          { type: "text", text: " see ", style: { bold: true } },
          { type: "text", text: "x < y", style: { code: true } },
          { type: "emoji", name: "wave", unicode: "1f44b" },
          { type: "link", url: "https://x.example", text: "x" },
        ),
        {
          type: "rich_text_list",
          style: "ordered",
          elements: [section({ type: "text", text: "one" }), section({ type: "text", text: "two" })],
        },
        { type: "rich_text_preformatted", language: "ts", elements: [{ type: "text", text: "let a;" }] },
        { type: "rich_text_quote", elements: [{ type: "text", text: "quoted" }] },
      ),
    ];
    const content = read("fallback", blocks);
    expect(content).toEqual([
      { type: "text", markdown: "Hi " },
      { type: "mention", target: "person", id: "U0BOB", name: "U0BOB" },
      { type: "text", markdown: " **see** `x < y`👋[x](https://x.example)\n1. one\n2. two\n" },
      { type: "code", code: "let a;", language: "ts" },
      { type: "text", markdown: "\n" },
      { type: "quote", markdown: "quoted" },
    ]);
    expect(contentToText(content)).toContain("@U0BOB");
  });

  test("of any length and with any number of mentions stays within the envelope's limits", () => {
    const long = envelopeOf(translate(message("x".repeat(200_000))), "message_created");
    expect(contentToText(long.body.content)).toHaveLength(200_000);
    const crowd = envelopeOf(
      translate(message(Array.from({ length: 700 }, (_, i) => `<@U${i}A> hi`).join(" "))),
      "message_created",
    );
    expect(crowd.body.content.length).toBeLessThanOrEqual(500);
    expect(contentToText(crowd.body.content)).toContain("@U699A");
  });
});

test("whatever a message event holds, it becomes a valid envelope, is ignored or is malformed", () => {
  const value = fc.oneof(
    fc.constant(undefined),
    fc.string(),
    fc.integer(),
    fc.jsonValue(),
    fc.constantFrom(TS, BOT, CHANNEL, "im", "file_share", "message_changed", "message_deleted", "tombstone"),
  );
  const event = fc.record({
    user: value,
    bot_id: value,
    text: value,
    ts: value,
    channel: value,
    channel_type: value,
    thread_ts: value,
    subtype: value,
    blocks: fc.oneof(
      value,
      fc.array(fc.record({ type: fc.constantFrom("rich_text", "section"), elements: fc.array(value), text: value })),
    ),
    files: value,
    attachments: value,
    message: value,
    previous_message: value,
    deleted_ts: value,
    edited: value,
  });
  fc.assert(
    fc.property(event, fc.constantFrom("message", "app_mention"), (fields, type) => {
      const translation = translateEvent(delivery({ ...fields, type }), context());
      const faults = translation.outcome === "envelope" ? Envelope.safeParse(translation.envelope).error : undefined;
      expect(faults).toBeUndefined();
      expect(["envelope", "ignored", "malformed"]).toContain(translation.outcome);
    }),
    { numRuns: 1_000, seed: 7 },
  );
});
