import { describe, expect, test } from "vitest";
import { approvalAsk, askCode, inputAsk } from "../../../adapters/matrix/ask.ts";
import { translateEvent } from "../../../adapters/matrix/inbound-event.ts";
import { contentToText } from "../../../src/envelope/content.ts";
import {
  ALICE,
  BOT,
  contextOf,
  envelopeOf,
  eventOf,
  html,
  known,
  memberState,
  NOW_MS,
  ROOM,
  stateOf,
  text,
} from "./fixtures.ts";

const contentOf = (event: Parameters<typeof envelopeOf>[1], context = contextOf()) =>
  envelopeOf("message_created", event, context).body;

describe("a message", () => {
  test("becomes an envelope with its place, sender, time and order", () => {
    const event = text("hello there");
    const envelope = envelopeOf("message_created", event);
    expect(envelope).toMatchObject({
      platform: "matrix",
      conversation: { space: { id: "parley.test" }, channel: { id: ROOM, kind: "private", external: false } },
      sender: { id: ALICE, kind: "human", name: "alice", self: false },
      body: { messageId: event["event_id"], content: [{ type: "text", markdown: "hello there" }] },
    });
    expect(envelope.occurredAt).toBe(new Date(Number(event["origin_server_ts"])).toISOString());
    expect(envelopeOf("message_created", event).dedupeKey).toBe(envelope.dedupeKey);
  });

  test("names whom m.mentions names, and nobody else", () => {
    const context = contextOf({ agentOf: (id) => (id === "@p_guide:parley.test" ? "guide" : undefined) });
    const mentions = { user_ids: ["@p_guide:parley.test", "@bob:parley.test", BOT, 7, "nonsense"], room: true };
    expect(contentOf(text("hi @someone", { "m.mentions": mentions }), context).mentions).toEqual({
      people: ["@bob:parley.test"],
      agents: ["guide"],
      everyone: true,
      bot: true,
    });
    const pill = '<a href="https://matrix.to/#/@bob:parley.test">Bob</a> hi';
    expect(contentOf(html(pill)).mentions.people).toEqual([]);
    expect(contentOf(html(pill, { "m.mentions": undefined })).mentions.people).toEqual(["@bob:parley.test"]);
  });

  test("finds agents by handle, and behind the bot's name", () => {
    expect(contentOf(text("@guide help")).mentions).toMatchObject({ agents: ["guide"], bot: false });
    expect(contentOf(text("write to a@guide.example or @guide:parley.test")).mentions.agents).toEqual([]);
    const pill = `<a href="https://matrix.to/#/${encodeURIComponent(BOT)}">Parley</a>: assistant, what now?`;
    expect(contentOf(html(pill, { "m.mentions": { user_ids: [BOT] } })).mentions).toMatchObject({
      agents: ["assistant"],
      bot: false,
    });
    expect(contentOf(text("Parley: guide, hello", { "m.mentions": { user_ids: [BOT] } })).mentions).toMatchObject({
      agents: ["guide"],
      bot: false,
    });
    expect(contentOf(text("Parley: hello", { "m.mentions": { user_ids: [BOT] } })).mentions).toMatchObject({
      agents: [],
      bot: true,
    });
  });

  test("in a thread belongs to it; a real reply names what it answers, a fall-back does not", () => {
    const inThread = {
      "m.relates_to": {
        rel_type: "m.thread",
        event_id: "$root",
        is_falling_back: true,
        "m.in_reply_to": { event_id: "$last" },
      },
    };
    const envelope = envelopeOf("message_created", text("x", inThread));
    expect(envelope.conversation.thread).toEqual({ id: "$root" });
    expect(envelope.body.replyToMessageId).toBeUndefined();
    const reply = text("> <@bob:parley.test> earlier words\n> and more\n\nanswer", {
      "m.relates_to": { "m.in_reply_to": { event_id: "$other" } },
    });
    const replied = envelopeOf("message_created", reply);
    expect(replied.body).toMatchObject({ replyToMessageId: "$other", content: [{ markdown: "answer" }] });
    expect(replied.conversation.thread).toBeUndefined();
  });

  test("that is a file, a picture or a voice message brings it as media, with its caption", () => {
    const voice = {
      msgtype: "m.audio",
      body: "voice.ogg",
      url: "mxc://parley.test/abc",
      info: { mimetype: "audio/ogg", size: 12 },
      "org.matrix.msc3245.voice": {},
    };
    expect(contentOf(eventOf("m.room.message", voice)).content).toEqual([
      {
        type: "media",
        mediaId: "mxc://parley.test/abc",
        kind: "voice",
        name: "voice.ogg",
        mediaType: "audio/ogg",
        sizeBytes: 12,
      },
    ]);
    const image = {
      msgtype: "m.image",
      body: "look **here**",
      filename: "a.png",
      url: "mxc://parley.test/i",
      info: {},
    };
    expect(contentOf(eventOf("m.room.message", image)).content).toMatchObject([
      { type: "text", markdown: "look **here**" },
      { kind: "image", name: "a.png" },
    ]);
    const stolen = { msgtype: "m.file", body: "x", url: "https://evil.example/x" };
    expect(contentOf(eventOf("m.room.message", stolen)).content).toMatchObject([{ type: "text", markdown: "x" }]);
  });

  test("of the own account is marked, notices count as a bot's, other servers are external", () => {
    expect(envelopeOf("message_created", { ...text("x"), sender: BOT }).sender).toMatchObject({
      self: true,
      kind: "bot",
    });
    expect(envelopeOf("message_created", text("x", { msgtype: "m.notice" })).sender).toMatchObject({
      self: false,
      kind: "bot",
    });
    const far = envelopeOf("message_created", { ...text("x"), sender: "@eve:elsewhere.example" });
    expect(far.sender).toMatchObject({ kind: "external_guest", memberClass: "external" });
    // What calls itself a bot has no more rights than whose server it is on.
    const notice = { ...text("x", { msgtype: "m.notice" }), sender: "@eve:elsewhere.example" };
    expect(envelopeOf("message_created", notice).sender).toMatchObject({ kind: "bot", memberClass: "external" });
  });

  test("from the future is held down to now, and one from the past stays behind what came before it", () => {
    const context = contextOf();
    const ahead = envelopeOf("message_created", { ...text("a"), origin_server_ts: NOW_MS * 2 }, context);
    const behind = envelopeOf("message_created", { ...text("b"), origin_server_ts: NOW_MS - 3_600_000 }, context);
    expect(ahead.occurredAt).toBe(new Date(NOW_MS).toISOString());
    expect(behind.platformOrder > ahead.platformOrder).toBe(true);
  });

  test("in a direct message, in a room with another server, in an open room", () => {
    expect(envelopeOf("message_created", text("x"), contextOf({ direct: true })).conversation.channel).toMatchObject({
      kind: "direct",
      name: "alice",
    });
    const far = stateOf(
      memberState(BOT),
      memberState("@eve:elsewhere.example"),
      ["m.room.join_rules", "", { join_rule: "public" }],
      ["m.room.name", "", { name: "Lab" }],
    );
    const channel = envelopeOf("message_created", text("x"), contextOf({ state: far })).conversation.channel;
    expect(channel).toMatchObject({ kind: "public", external: true, name: "Lab" });
    const trusted = contextOf({ state: far, trustedServers: new Set(["elsewhere.example"]) });
    expect(envelopeOf("message_created", text("x"), trusted).conversation.channel.external).toBe(false);
  });
});

describe("HTML", () => {
  test.each([
    ["<p>a <strong>b</strong> <em>c</em> <del>d</del> <code>e</code></p>", "a **b** *c* ~~d~~ `e`"],
    ["<h2>T</h2><ul><li>one</li><li>two</li></ul>", "## T\n\n- one\n- two"],
    ["<table><thead><tr><th>a</th></tr></thead><tbody><tr><td>1</td></tr></tbody></table>", "| a |\n| - |\n| 1 |"],
    ["<mx-reply><blockquote>old</blockquote></mx-reply>new", "new"],
    ['<a href="https://x.example/">x</a>', "[x](https://x.example/)"],
    ["a<br>b<script>alert(1)</script>", "a\nb"],
    ["snake_case and 2 * 3", "snake_case and 2 * 3"],
  ])("%s", (source, markdown) => {
    expect(contentToText(contentOf(html(source)).content)).toBe(markdown);
  });

  test("code and quotes are blocks of their own, mentions stand at their place", () => {
    const source =
      '<p>look <a href="https://matrix.to/#/%40bob%3Aparley.test">@Bob</a>!</p><pre><code class="language-ts">let a = 1;\n</code></pre><blockquote>said</blockquote><p>end</p>';
    expect(contentOf(html(source)).content).toEqual([
      { type: "text", markdown: "look " },
      { type: "mention", target: "person", id: "@bob:parley.test", name: "Bob" },
      { type: "text", markdown: "!\n\n" },
      { type: "code", language: "ts", code: "let a = 1;" },
      { type: "text", markdown: "\n\n" },
      { type: "quote", markdown: "said" },
      { type: "text", markdown: "\n\nend" },
    ]);
  });

  test("beyond reason falls back to the plain body", () => {
    expect(contentToText(contentOf(html("<b>".repeat(12_000))).content)).toBe("plain");
    expect(contentToText(contentOf(html("<blockquote>".repeat(5_000))).content)).toBe("plain");
  });
});

describe("an edit", () => {
  const edit = (more: Record<string, unknown> = {}) =>
    text("* new", {
      "m.new_content": { msgtype: "m.text", body: "new", "m.mentions": {} },
      "m.relates_to": { rel_type: "m.replace", event_id: "$root" },
      ...more,
    });

  test("of the own message changes it, in the thread of the original", () => {
    const envelope = envelopeOf("message_edited", edit(), contextOf({ related: known({ threadId: "$t" }) }));
    expect(envelope).toMatchObject({
      conversation: { thread: { id: "$t" } },
      body: { messageId: "$root", content: [{ markdown: "new" }] },
    });
    expect(envelope.revision).toBeGreaterThan(1);
  });

  test.each([
    ["of somebody else's message", { sender: "@bob:parley.test" }],
    ["of an edit", { isEdit: true }],
    ["of another kind of event", { type: "m.reaction" }],
  ])("%s is ignored", (_name, more) => {
    expect(translateEvent(edit(), contextOf({ related: known(more) })).outcome).toBe("ignored");
  });

  test("of an unknown message is ignored, without content malformed", () => {
    expect(translateEvent(edit(), contextOf()).outcome).toBe("ignored");
    expect(translateEvent(edit({ "m.new_content": undefined }), contextOf({ related: known() })).outcome).toBe(
      "malformed",
    );
  });
});

describe("decisions", () => {
  const ask = approvalAsk({
    type: "approval_request",
    approvalId: "ap-1",
    prompt: "Deploy?",
    options: [
      { id: "yes", label: "Deploy", effect: "allow" },
      { id: "no", label: "Stop", effect: "deny" },
      { id: "later", label: "Later", effect: "neutral" },
    ],
  });
  const asked = contextOf({ related: known({ eventId: "$ask", sender: BOT, ask, threadId: "$t" }) });
  const reply = (body: string) => text(body, { "m.relates_to": { "m.in_reply_to": { event_id: "$ask" } } });

  test.each([
    ["!approve", "yes"],
    ["!deny", "no"],
    ["!choose 3", "later"],
    ["!choose later", "later"],
    [`!approve ${askCode("ap-1")}`, "yes"],
  ])("%s", (words, value) => {
    expect(envelopeOf("action_submitted", reply(words), asked)).toMatchObject({
      conversation: { thread: { id: "$t" } },
      body: { actionId: "ap-1", value, messageId: "$ask" },
    });
  });

  test("by reaction, with or without the variation selector; other signs stay reactions", () => {
    const react = (key: string) =>
      eventOf("m.reaction", { "m.relates_to": { rel_type: "m.annotation", event_id: "$ask", key } });
    expect(envelopeOf("action_submitted", react("✅"), asked).body).toMatchObject({ value: "yes", messageId: "$ask" });
    expect(envelopeOf("action_submitted", react("3⃣"), asked).body.value).toBe("later");
    expect(envelopeOf("reaction_added", react("👀"), asked).body.reaction).toBe("👀");
    // The agent's own reaction seeds the sign and decides nothing.
    expect(envelopeOf("reaction_added", { ...react("✅"), sender: BOT }, asked).sender.self).toBe(true);
    const forged = contextOf({ related: known({ eventId: "$ask", sender: "@eve:parley.test", ask }) });
    expect(envelopeOf("reaction_added", react("✅"), forged).kind).toBe("reaction_added");
  });

  test("values by lines, and nothing else is an answer", () => {
    const form = inputAsk({
      type: "input_request",
      inputId: "in-1",
      prompt: "?",
      fields: [
        { id: "city", label: "City", kind: "text", required: true },
        {
          id: "size",
          label: "Size",
          kind: "choice",
          required: false,
          options: [{ id: "s", label: "Small", effect: "neutral" }],
        },
        { id: "gift", label: "Gift", kind: "boolean", required: false },
      ],
    });
    const context = contextOf({ related: known({ eventId: "$ask", sender: BOT, ask: form }) });
    expect(envelopeOf("action_submitted", reply("City: Ulm\nsize: small\ngift: yes"), context).body).toMatchObject({
      actionId: "in-1",
      messageId: "$ask",
      fields: { city: "Ulm", size: "s", gift: "true" },
    });
    expect(envelopeOf("message_created", reply("what do you mean?"), context).body.replyToMessageId).toBe("$ask");
  });

  test("commands", () => {
    expect(envelopeOf("command_invoked", text("!parley stop")).body).toMatchObject({ command: "stop", text: "" });
    expect(envelopeOf("command_invoked", text("!parley ask @guide how?")).body).toMatchObject({
      command: "ask",
      mentions: { agents: ["guide"] },
    });
    expect(envelopeOf("command_invoked", text("!parley")).body.command).toBe("help");
    expect(envelopeOf("message_created", text("!other stop")).kind).toBe("message_created");
  });
});
