import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { translateEvent } from "../../../adapters/matrix/inbound-event.ts";
import { toMatrixText } from "../../../adapters/matrix/markup.ts";
import { contentToText } from "../../../src/envelope/content.ts";
import { Envelope } from "../../../src/envelope/envelope.ts";
import { ALICE, BOT, contextOf, envelopeOf, eventOf, html, known, memberState, ROOM, stateOf } from "./fixtures.ts";

const member = (userId: string, membership: string, more: Record<string, unknown> = {}) =>
  eventOf("m.room.member", { membership }, { state_key: userId, ...more });
const redaction = (more: Record<string, unknown>) => eventOf("m.room.redaction", {}, more);

describe("a redaction", () => {
  test("of a message deletes it, where it was, in the name of its author", () => {
    const context = contextOf({ related: known({ threadId: "$t", sender: ALICE }) });
    for (const event of [
      redaction({ redacts: "$root", sender: BOT }),
      eventOf("m.room.redaction", { redacts: "$root" }),
    ])
      expect(envelopeOf("message_deleted", event, context)).toMatchObject({
        conversation: { thread: { id: "$t" } },
        sender: { id: ALICE },
        body: { messageId: "$root" },
      });
  });

  test("of a reaction removes it; of an edit that changed nothing, or of something else, is nothing", () => {
    const reaction = known({ type: "m.reaction", reaction: { eventId: "$m", key: "👍" } });
    expect(envelopeOf("reaction_removed", redaction({ redacts: "$r" }), contextOf({ related: reaction })).body).toEqual(
      {
        messageId: "$m",
        reaction: "👍",
      },
    );
    const foreign = eventOf("m.room.message", { msgtype: "m.text", body: "x" }, { sender: "@bob:parley.test" });
    const emptied = eventOf("m.room.message", {});
    for (const restored of [foreign, emptied])
      expect(
        translateEvent(redaction({ redacts: "$r" }), contextOf({ related: { ...known({ isEdit: true }), restored } }))
          .outcome,
      ).toBe("ignored");
    for (const related of [known({ type: "m.reaction" }), known({ isEdit: true }), known({ type: "m.room.topic" })])
      expect(translateEvent(redaction({ redacts: "$r" }), contextOf({ related })).outcome).toBe("ignored");
    expect(translateEvent(redaction({}), contextOf()).outcome).toBe("malformed");
  });
});

describe("a membership", () => {
  test("that begins or ends is a join or a leave; a new name is neither", () => {
    expect(envelopeOf("member_joined", member("@bob:parley.test", "join")).body).toMatchObject({ self: false });
    expect(envelopeOf("member_joined", member(BOT, "join")).body.self).toBe(true);
    const was = contextOf({ before: { membership: "join", roomName: undefined } });
    expect(envelopeOf("member_left", member("@bob:parley.test", "ban"), was).body).toMatchObject({
      memberId: "@bob:parley.test",
    });
    expect(translateEvent(member(ALICE, "join"), was).outcome).toBe("ignored");
    expect(translateEvent(member(ALICE, "invite"), contextOf()).outcome).toBe("ignored");
  });

  test("of a puppet ends the installation's only when it is the last", () => {
    const agentOf = (id: string) => (id.startsWith("@p_") ? id.slice(3).split(":")[0] : undefined);
    const before = { membership: "join", roomName: undefined };
    const others = contextOf({ agentOf, before, state: stateOf(memberState("@p_b:parley.test")) });
    expect(envelopeOf("member_left", member("@p_a:parley.test", "leave"), others)).toMatchObject({
      conversation: { channel: { agents: ["b"] } },
      body: { self: false },
    });
    const last = contextOf({ agentOf, before, state: stateOf(memberState(ALICE)) });
    expect(envelopeOf("member_left", member("@p_a:parley.test", "leave"), last).body.self).toBe(true);
  });
});

describe("state", () => {
  test("renames, closes, or is only a fact", () => {
    const named = contextOf({ state: stateOf(["m.room.name", "", { name: "New" }]) });
    const rename = eventOf("m.room.name", { name: "New" }, { state_key: "" });
    expect(envelopeOf("channel_renamed", rename, named).body.name).toBe("New");
    expect(translateEvent(rename, { ...named, before: { membership: undefined, roomName: "New" } }).outcome).toBe(
      "ignored",
    );
    const closed = eventOf("m.room.tombstone", { replacement_room: "!new" }, { state_key: "" });
    expect(envelopeOf("channel_archived", closed).body.archived).toBe(true);
    expect(translateEvent(eventOf("m.room.power_levels", {}, { state_key: "" }), contextOf()).outcome).toBe("ignored");
  });

  test("of spaces is the path", () => {
    const context = contextOf();
    const room = {
      ...context.room,
      spaces: [
        { id: "!top", name: "Firm" },
        { id: "!sub", name: "Team" },
      ],
    };
    const envelope = envelopeOf("message_created", eventOf("m.room.message", { msgtype: "m.text", body: "x" }), {
      ...context,
      room,
    });
    expect(envelope.conversation).toMatchObject({
      space: { id: "!top", name: "Firm" },
      category: { id: "!sub" },
      channel: { id: ROOM },
    });
  });
});

describe("whatever comes", () => {
  const junk = fc.anything({ maxDepth: 3, withNullPrototype: true });
  const types = fc.constantFrom(
    "m.room.message",
    "m.reaction",
    "m.room.redaction",
    "m.room.member",
    "m.room.name",
    "m.room.tombstone",
    "m.sticker",
    "x.y",
  );
  const relation = fc.record(
    {
      rel_type: fc.constantFrom("m.thread", "m.replace", "m.annotation", 7),
      event_id: fc.constantFrom("$root", "!x", 1),
      key: fc.constantFrom("👍", "\ud800", ""),
    },
    { requiredKeys: [] },
  );
  const content = fc.record(
    {
      msgtype: fc.constantFrom("m.text", "m.image", "m.emote", "m.future", 3),
      body: fc.oneof(fc.string({ unit: "binary" }), fc.constant("\ud800 @guide \u0000"), junk),
      format: fc.constant("org.matrix.custom.html"),
      formatted_body: fc.oneof(fc.string(), fc.constant('<a href="https://matrix.to/#/%E0%A4%A">x</a><b>'), junk),
      "m.mentions": fc.oneof(junk, fc.record({ user_ids: fc.array(fc.constantFrom(ALICE, BOT, "x", 1)) })),
      "m.relates_to": fc.oneof(relation, junk),
      "m.new_content": junk,
      membership: fc.oneof(fc.constantFrom("join", "leave"), junk),
      url: fc.oneof(fc.constant("mxc://a/b"), junk),
      info: junk,
      name: junk,
    },
    { requiredKeys: [] },
  );
  const event = fc.record(
    {
      type: fc.oneof(types, junk),
      event_id: fc.oneof(fc.constant("$e"), junk),
      sender: fc.oneof(fc.constantFrom(ALICE, BOT, "@eve:evil.example"), junk),
      origin_server_ts: fc.oneof(fc.constantFrom(0, -1, 8e15, Number.NaN), junk),
      content: fc.oneof(content, junk),
      state_key: fc.oneof(fc.constantFrom("", ALICE, BOT), junk),
      redacts: junk,
    },
    { requiredKeys: ["type", "content", "event_id", "sender"] },
  );

  test("becomes an envelope that the schema takes, or is refused with a reason", () => {
    const kinds = new Set<string>();
    fc.assert(
      fc.property(
        event,
        fc.constantFrom(undefined, known(), known({ sender: BOT, type: "m.reaction" })),
        (raw, related) => {
          const translation = translateEvent(raw, contextOf({ related }));
          kinds.add(translation.outcome);
          const said =
            translation.outcome === "envelope" ? Envelope.parse(translation.envelope).kind : translation.reason;
          expect(said).not.toBe("");
        },
      ),
      { numRuns: 3_000 },
    );
    expect([...kinds].toSorted()).toEqual(["envelope", "ignored", "malformed"]);
  });

  test("words survive the way out and in", () => {
    const words = fc
      .array(fc.stringMatching(/^[a-z]{1,8}$/u), { minLength: 1, maxLength: 6 })
      .map((list) => list.join(" "));
    const block = fc.oneof(
      words,
      words.map((text) => `**${text}**`),
      words.map((text) => `- ${text}\n- ${text}`),
      words.map((text) => `## ${text}`),
      words.map((text) => `\`\`\`ts\n${text}\n\`\`\``),
      words.map((text) => `| ${text} |\n| --- |\n| ${text} |`),
    );
    fc.assert(
      fc.property(fc.array(block, { minLength: 1, maxLength: 5 }), (blocks) => {
        const markdown = blocks.join("\n\n");
        const sent = toMatrixText(markdown, { mentionable: [], linkHosts: [] });
        const read = contentToText(envelopeOf("message_created", html(sent.html)).body.content);
        const bare = (text: string) => text.replace(/[^a-z]+/gu, " ").trim();
        expect(bare(read)).toBe(bare(markdown));
        const again = toMatrixText(read.trim(), { mentionable: [], linkHosts: [] });
        expect(again.html.replace(/\s+/gu, "")).toBe(sent.html.replace(/\s+/gu, ""));
      }),
      { numRuns: 300 },
    );
  });
});
