import { describe, expect, test } from "vitest";
import { translateCommand, translateInteraction } from "../../../adapters/slack/inbound-interaction.ts";
import type { Raw } from "../../../adapters/slack/raw.ts";
import { Envelope } from "../../../src/envelope/envelope.ts";
import { BOT, CHANNEL, context, envelopeOf, TS, translate } from "./fixtures.ts";

const event_ts = "1762000030.000200";

describe("events", () => {
  test.each(["reaction_added", "reaction_removed"] as const)("%s", (type) => {
    const envelope = envelopeOf(
      translate({
        type,
        user: "U0ANN",
        reaction: "eyes",
        item: { type: "message", channel: CHANNEL, ts: TS },
        event_ts,
      }),
      type,
    );
    expect(envelope).toMatchObject({
      sender: { id: "U0ANN" },
      body: { messageId: TS, reaction: "eyes" },
      occurredAt: "2025-11-01T12:27:10.000Z",
    });
  });

  test("people and the bot itself join and leave", () => {
    const joined = envelopeOf(
      translate({ type: "member_joined_channel", user: "U0ANN", channel: CHANNEL, channel_type: "C", event_ts }),
      "member_joined",
    );
    expect(joined).toMatchObject({
      body: { memberId: "U0ANN", self: false },
      conversation: { channel: { kind: "public" } },
    });
    const self = envelopeOf(
      translate({ type: "member_joined_channel", user: BOT, channel: "G1", channel_type: "G", event_ts }),
      "member_joined",
    );
    expect(self).toMatchObject({ body: { memberId: BOT, self: true }, conversation: { channel: { kind: "private" } } });
    expect(
      envelopeOf(
        translate({ type: "member_left_channel", user: "U0ANN", channel: CHANNEL, channel_type: "C", event_ts }),
        "member_left",
      ).body,
    ).toEqual({ memberId: "U0ANN", self: false });
    for (const type of ["channel_left", "group_left"])
      expect(
        envelopeOf(translate({ type, channel: CHANNEL, actor_id: "U0ANN", event_ts }), "member_left").body,
      ).toEqual({ memberId: BOT, self: true });
  });

  test("channels are created, renamed, archived, opened again and deleted", () => {
    const channel = { id: CHANNEL, name: "plans", creator: "U0ANN", created: 1 };
    expect(envelopeOf(translate({ type: "channel_created", channel, event_ts }), "channel_created")).toMatchObject({
      body: { name: "plans" },
      sender: { id: "U0ANN" },
      conversation: { channel: { name: "plans", kind: "public" } },
    });
    expect(envelopeOf(translate({ type: "channel_rename", channel, event_ts }), "channel_renamed").body).toEqual({
      name: "plans",
    });
    expect(
      envelopeOf(translate({ type: "group_rename", channel, event_ts }), "channel_renamed").conversation.channel.kind,
    ).toBe("private");
    for (const [type, archived] of [
      ["channel_archive", true],
      ["group_archive", true],
      ["channel_unarchive", false],
      ["channel_deleted", true],
      ["group_deleted", true],
    ] as const)
      expect(
        envelopeOf(translate({ type, channel: CHANNEL, user: "U0ANN", event_ts }), "channel_archived").body,
      ).toEqual({ archived });
  });

  test("the messages tab opens a direct message; the home tab does not", () => {
    const opened = { type: "app_home_opened", user: "U0ANN", channel: "D1", event_ts };
    expect(
      envelopeOf(translate({ ...opened, tab: "messages" }), "direct_message_opened").conversation.channel,
    ).toMatchObject({ id: "D1", kind: "direct" });
    expect(translate({ ...opened, tab: "home" })).toMatchObject({ outcome: "ignored" });
  });

  test("the stop button of a session names the stream it stopped", () => {
    const stopped = { type: "agent_session_stopped", user: "U0ANN", channel: CHANNEL, thread_ts: TS, event_ts };
    expect(
      envelopeOf(translate({ ...stopped, streaming_message_ts: ["1762000029.000000"] }), "session_stopped"),
    ).toMatchObject({ body: { messageId: "1762000029.000000" }, conversation: { thread: { id: TS } } });
    expect(envelopeOf(translate({ ...stopped, streaming_message_ts: [] }), "session_stopped").body).toEqual({});
  });

  test("a revoked bot token pauses, an uninstall removes", () => {
    expect(translate({ type: "tokens_revoked", tokens: { oauth: [], bot: [BOT] } })).toMatchObject({
      outcome: "installation",
      status: "paused",
    });
    expect(translate({ type: "tokens_revoked", tokens: { oauth: ["U0ANN"], bot: [] } })).toMatchObject({
      outcome: "ignored",
    });
    expect(translate({ type: "app_uninstalled" })).toMatchObject({ outcome: "installation", status: "removed" });
  });

  test("unknown kinds are ignored with a reason, broken ones are malformed with one", () => {
    expect(translate({ type: "emoji_changed" })).toEqual({ outcome: "ignored", reason: "event type emoji_changed" });
    expect(translate({ type: "constructor" })).toEqual({ outcome: "ignored", reason: "event type constructor" });
    expect(translate({ type: "reaction_added", item: { type: "message" } })).toMatchObject({ outcome: "malformed" });
    expect(translate({})).toEqual({ outcome: "malformed", reason: "no event inside" });
  });

  test("equal deliveries have equal keys, different events different ones", () => {
    const reaction = {
      type: "reaction_added",
      user: "U0ANN",
      reaction: "eyes",
      item: { type: "message", channel: CHANNEL, ts: TS },
      event_ts,
    };
    const key = (id: string) => envelopeOf(translate(reaction, {}, { event_id: id }), "reaction_added").dedupeKey;
    expect(key("Ev1")).toBe(key("Ev1"));
    expect(key("Ev1")).not.toBe(key("Ev2"));
  });
});

describe("slash commands", () => {
  const command = (text: string, more: Raw = {}) =>
    translateCommand(
      {
        command: "/parley",
        text,
        user_id: "U0ANN",
        user_name: "ann",
        channel_id: CHANNEL,
        channel_name: "general",
        team_id: "T0HOME",
        trigger_id: "1.2.abc",
        response_url: "https://hooks.slack.com/commands/x",
        ...more,
      },
      context(),
      "/parley",
    );

  test.each([
    ["stop", "stop", "", []],
    ["ask @guide what is this?", "ask", "@guide what is this?", ["guide"]],
    ["@guide what is this?", "ask", "@guide what is this?", ["guide"]],
    ["agents", "agents", "", []],
    ["", "help", "", []],
    ["STOP now", "stop", "now", []],
    ["stopp", "help", "stopp", []],
    ["what can @guide do", "help", "what can @guide do", ["guide"]],
    [
      "ask <@U0BOB|bob> &amp; @guide about <https://x.example|x>",
      "ask",
      "@bob & @guide about [x](https://x.example)",
      ["guide"],
    ],
  ])("/parley %s", (text, word, rest, agents) => {
    const { body } = envelopeOf(command(text), "command_invoked");
    expect(body).toMatchObject({
      command: word,
      text: rest,
      mentions: { agents },
      responseToken: "https://hooks.slack.com/commands/x",
    });
  });

  test("say where they were given, as far as Slack does", () => {
    expect(
      envelopeOf(command("stop", { channel_id: "D1", channel_name: "directmessage" }), "command_invoked").conversation
        .channel,
    ).toMatchObject({ id: "D1", kind: "direct" });
    expect(
      envelopeOf(command("stop", { channel_name: "privategroup" }), "command_invoked").conversation.channel,
    ).toEqual({ id: CHANNEL, kind: "private", external: false });
  });

  test("other commands are what their name says or a call for help, broken ones are malformed", () => {
    expect(envelopeOf(command("", { command: "/stop" }), "command_invoked").body).toMatchObject({ command: "stop" });
    expect(envelopeOf(command("a b", { command: "/other" }), "command_invoked").body).toMatchObject({
      command: "help",
      text: "/other a b",
    });
    expect(command("x", { trigger_id: undefined })).toMatchObject({ outcome: "malformed" });
  });
});

describe("interactions", () => {
  const press = (action: Raw, more: Raw = {}) =>
    translateInteraction(
      {
        type: "block_actions",
        user: { id: "U0ANN", name: "ann" },
        channel: { id: CHANNEL, name: "general" },
        container: { type: "message", message_ts: TS, channel_id: CHANNEL },
        message: { ts: TS, thread_ts: "1761999999.000001" },
        trigger_id: "1.2.x",
        actions: [{ type: "button", action_ts: event_ts, ...action }],
        ...more,
      },
      context(),
    );

  test("a choice names its approval", () => {
    const [translation] = press({ action_id: "parley_approval:1:ap:42", value: "deny" });
    expect(envelopeOf(translation, "action_submitted")).toMatchObject({
      body: { actionId: "ap:42", value: "deny", messageId: TS, fields: {} },
      sender: { id: "U0ANN", name: "ann" },
      conversation: { channel: { id: CHANNEL }, thread: { id: "1761999999.000001" } },
    });
  });

  test("the stop button stops what that message shows", () => {
    expect(envelopeOf(press({ action_id: "parley_stop" })[0], "session_stopped").body).toEqual({
      messageId: TS,
    });
  });

  test("buttons of others keep their id, menus give their choice", () => {
    expect(
      envelopeOf(
        press({ action_id: "theirs", type: "static_select", selected_option: { value: "b" } })[0],
        "action_submitted",
      ).body,
    ).toMatchObject({ actionId: "theirs", value: "b" });
  });

  test("a form button opens the form and is no event", () => {
    expect(press({ action_id: "parley_input:in-1", value: "[]" })[0]).toMatchObject({
      outcome: "open_form",
      triggerId: "1.2.x",
      origin: { inputId: "in-1", channelId: CHANNEL, messageId: TS, threadId: "1761999999.000001" },
    });
  });

  test("a filled form gives its fields and its place", () => {
    const private_metadata = JSON.stringify({
      inputId: "in-1",
      channelId: CHANNEL,
      channelKind: "public",
      messageId: TS,
      threadId: "1761999999.000001",
    });
    const values = {
      "field:name": { value: { type: "plain_text_input", value: "Ann" } },
      "field:ok": { value: { type: "checkboxes", selected_options: [{ value: "true" }] } },
      "field:no": { value: { type: "checkboxes", selected_options: [] } },
    };
    const [translation] = translateInteraction(
      { type: "view_submission", user: { id: "U0ANN" }, view: { id: "V1", private_metadata, state: { values } } },
      context(),
    );
    expect(envelopeOf(translation, "action_submitted")).toMatchObject({
      body: { actionId: "in-1", messageId: TS, fields: { name: "Ann", ok: "true", no: "false" } },
      conversation: { channel: { kind: "public" }, thread: { id: "1761999999.000001" } },
    });
  });

  test("everything else is ignored or malformed, never thrown", () => {
    const payloads: Raw[] = [
      {},
      { user: { id: "U1" } },
      { type: "shortcut", user: { id: "U1" } },
      { type: "block_actions", user: { id: "U1" } },
      { type: "view_submission", user: { id: "U1" }, view: { private_metadata: "{" } },
      { type: "block_actions", user: { id: "U1" }, actions: [null] },
    ];
    for (const payload of payloads)
      for (const translation of translateInteraction(payload, context())) {
        expect(["ignored", "malformed"]).toContain(translation.outcome);
        if (translation.outcome === "envelope") Envelope.parse(translation.envelope);
      }
  });
});
