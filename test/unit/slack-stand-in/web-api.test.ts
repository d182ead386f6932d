import { WebClient } from "@slack/web-api";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createSlackStandIn, type SlackStandIn, type SmallWorkspace } from "../../support/slack/index.ts";
import { silentLogger } from "./silent-logger.ts";

let slack: SlackStandIn;
let space: SmallWorkspace;
let client: WebClient;
let channel: string;
let user: string;

beforeEach(async () => {
  slack = await createSlackStandIn({ seed: 7 });
  space = slack.setup.smallWorkspace({ users: 4 });
  channel = space.channels[0] ?? "";
  user = space.users[0] ?? "";
  client = clientOf(space.bot.botToken);
});
afterEach(() => slack.close());

function clientOf(token: string): WebClient {
  return new WebClient(token, { slackApiUrl: slack.apiUrl, retryConfig: { retries: 0 }, logger: silentLogger });
}

async function errorOf(call: Promise<unknown>): Promise<string> {
  const outcome = await call.then(
    () => "no error",
    (error: { data?: { error?: string }; message: string }) => error.data?.error ?? error.message,
  );
  return outcome;
}

describe("the Web API, seen by the real WebClient", () => {
  it("knows the token's identity and its scopes", async () => {
    const me = await client.auth.test();
    expect(me).toMatchObject({
      ok: true,
      team_id: space.team.id,
      user_id: space.bot.botUserId,
      bot_id: space.bot.botId,
    });
    expect(me.response_metadata?.scopes).toContain("chat:write.customize");
  });

  it("posts into a thread and reads it back with metadata only when asked", async () => {
    const asked = slack.people.postAs(user, channel, "how are you?");
    const posted = await client.chat.postMessage({
      channel,
      thread_ts: asked.ts,
      text: "fine",
      metadata: { event_type: "parley_part", event_payload: { k: "key-1" } },
    });
    expect(posted.message).toMatchObject({
      text: "fine",
      bot_id: space.bot.botId,
      app_id: space.app.appId,
      thread_ts: asked.ts,
    });

    const plain = await client.conversations.replies({ channel, ts: asked.ts });
    expect(plain.messages?.map((message) => message.text)).toEqual(["how are you?", "fine"]);
    expect(plain.messages?.[0]).toMatchObject({ reply_count: 1, latest_reply: posted.ts });
    expect(plain.messages?.[1]?.metadata).toBeUndefined();
    const full = await client.conversations.replies({ channel, ts: asked.ts, include_all_metadata: true });
    expect(full.messages?.[1]?.metadata).toEqual({ event_type: "parley_part", event_payload: { k: "key-1" } });

    expect(slack.log.posts({ channel, thread: asked.ts, by: "app" })).toMatchObject([
      { text: "fine", metadataKey: "key-1" },
    ]);
    const history = await client.conversations.history({ channel });
    expect(history.messages?.map((message) => message.text)).toEqual(["how are you?"]);
  });

  it("pages history, members and channels by cursor", async () => {
    for (let n = 1; n <= 5; n++) slack.people.postAs(user, channel, `message ${n}`);
    const seen: (string | undefined)[] = [];
    for await (const page of client.paginate("conversations.history", { channel, limit: 2 })) {
      seen.push(...((page as { messages?: { text?: string }[] }).messages ?? []).map((message) => message.text));
    }
    expect(seen).toEqual(["message 5", "message 4", "message 3", "message 2", "message 1"]);

    const first = await client.conversations.members({ channel, limit: 3 });
    const rest = await client.conversations.members({
      channel,
      limit: 3,
      cursor: first.response_metadata?.next_cursor ?? "",
    });
    expect([...(first.members ?? []), ...(rest.members ?? [])]).toEqual([...space.users, space.bot.botUserId]);
    expect(rest.response_metadata?.next_cursor).toBe("");
    expect(await errorOf(client.conversations.members({ channel, cursor: "nonsense" }))).toBe("invalid_cursor");
  });

  it("answers oldest, latest and inclusive like Slack", async () => {
    const [a, b, c] = ["a", "b", "c"].map((text) => slack.people.postAs(user, channel, text).ts);
    const texts = async (bounds: {
      oldest?: string;
      latest?: string;
      inclusive?: boolean;
    }): Promise<(string | undefined)[]> =>
      (await client.conversations.history({ channel, ...bounds })).messages?.map((message) => message.text) ?? [];
    expect(await texts({ oldest: a ?? "" })).toEqual(["c", "b"]);
    expect(await texts({ oldest: a ?? "", inclusive: true })).toEqual(["c", "b", "a"]);
    expect(await texts({ latest: c ?? "" })).toEqual(["b", "a"]);
    expect(await texts({ oldest: b ?? "", latest: b ?? "", inclusive: true })).toEqual(["b"]);
  });

  it("gives a customised post no user and the name it asked for, and refuses it without the scope", async () => {
    const posted = await client.chat.postMessage({
      channel,
      text: "hi",
      username: "Guide",
      icon_emoji: ":robot_face:",
    });
    expect(posted.message).toMatchObject({
      subtype: "bot_message",
      username: "Guide",
      icons: { emoji: ":robot_face:" },
    });
    expect(posted.message).not.toHaveProperty("user");
    expect(slack.log.posts({ channel, by: "app" })[0]).toMatchObject({ username: "Guide", actor: space.bot.botUserId });

    const team = slack.setup.addTeam();
    const bot = slack.setup.install(space.app.appId, team.id, { scopes: ["chat:write"] });
    const other = slack.setup.addChannel(team.id, { members: [bot.botUserId] });
    const poor = clientOf(bot.botToken);
    expect(await errorOf(poor.chat.postMessage({ channel: other.id, text: "hi", username: "Guide" }))).toBe(
      "missing_scope",
    );
    expect(await errorOf(poor.users.info({ user: bot.botUserId }))).toBe("missing_scope");
    expect(await errorOf(poor.chat.postMessage({ channel: other.id, text: "hi" }))).toBe("no error");
  });

  it("edits and deletes its own messages only", async () => {
    const mine = await client.chat.postMessage({ channel, text: "draft", blocks: [{ type: "divider" }] });
    const theirs = slack.people.postAs(user, channel, "mine");
    const edited = await client.chat.update({ channel, ts: mine.ts ?? "", text: "final" });
    expect(edited.message).toMatchObject({ text: "final", edited: { user: space.bot.botUserId } });
    expect(edited.message).not.toHaveProperty("blocks");
    expect(await errorOf(client.chat.update({ channel, ts: theirs.ts, text: "x" }))).toBe("cant_update_message");
    expect(await errorOf(client.chat.update({ channel, ts: "1.000001", text: "x" }))).toBe("message_not_found");
    expect(await errorOf(client.chat.update({ channel, ts: mine.ts ?? "", text: "x".repeat(4001) }))).toBe(
      "msg_too_long",
    );
    expect(await errorOf(client.chat.delete({ channel, ts: theirs.ts }))).toBe("cant_delete_message");
    await client.chat.delete({ channel, ts: mine.ts ?? "" });
    expect(await errorOf(client.chat.delete({ channel, ts: mine.ts ?? "" }))).toBe("message_not_found");
    expect(slack.log.ofKind("delete")).toHaveLength(1);
  });

  it("refuses with Slack's codes", async () => {
    const elsewhere = slack.setup.addChannel(space.team.id, { members: [user] }).id;
    const hidden = slack.setup.addChannel(space.team.id, { members: [user], isPrivate: true }).id;
    const closed = slack.setup.addChannel(space.team.id, { members: [user, space.bot.botUserId] }).id;
    slack.people.archive(user, closed);
    const post = (where: string, text = "x"): Promise<string> =>
      errorOf(client.chat.postMessage({ channel: where, text }));
    expect(await post(elsewhere)).toBe("not_in_channel");
    expect(await post(hidden)).toBe("channel_not_found");
    expect(await post("C0NOWHERE00")).toBe("channel_not_found");
    expect(await post(closed)).toBe("is_archived");
    expect(await post(channel, "")).toBe("no_text");
    expect(await errorOf(client.chat.postMessage({ channel, text: "x", thread_ts: "1700000000.000001" }))).toBe(
      "thread_not_found",
    );
    expect(await errorOf(clientOf("xoxb-wrong").auth.test())).toBe("invalid_auth");
    expect(
      await errorOf(
        new WebClient("", { slackApiUrl: slack.apiUrl, retryConfig: { retries: 0 } }).chat.postMessage({
          channel,
          text: "x",
        }),
      ),
    ).toBe("not_authed");
    expect(await errorOf(client.apiCall("chat.postMassage", {}))).toBe("unknown_method");
    slack.gestures.revokeTokens(space.team.id);
    expect(await post(channel)).toBe("token_revoked");
  });

  it("opens direct messages and keeps two workspaces apart", async () => {
    const opened = await client.conversations.open({ users: user });
    const again = await client.conversations.open({ users: user });
    expect(again).toMatchObject({ channel: { id: opened.channel?.id }, already_open: true });
    const direct = await client.chat.postMessage({ channel: user, text: "psst" });
    expect(direct.channel).toBe(opened.channel?.id);
    const info = await client.conversations.info({ channel: opened.channel?.id ?? "" });
    expect(info.channel).toMatchObject({ is_im: true, user });

    const team = slack.setup.addTeam();
    const bot = slack.setup.install(space.app.appId, team.id);
    expect(await errorOf(clientOf(bot.botToken).conversations.info({ channel }))).toBe("channel_not_found");
    expect(await errorOf(clientOf(bot.botToken).users.info({ user }))).toBe("user_not_found");
  });

  it("reacts once and un-reacts once", async () => {
    const { ts } = slack.people.postAs(user, channel, "nice");
    await client.reactions.add({ channel, timestamp: ts, name: "eyes" });
    expect(await errorOf(client.reactions.add({ channel, timestamp: ts, name: "eyes" }))).toBe("already_reacted");
    await client.reactions.remove({ channel, timestamp: ts, name: "eyes" });
    expect(await errorOf(client.reactions.remove({ channel, timestamp: ts, name: "eyes" }))).toBe("no_reaction");
  });

  it("limits posts per channel when limits are on, with Retry-After, and other channels pass", async () => {
    slack.conditions.setRateLimits({});
    const other = slack.setup.addChannel(space.team.id, { members: [space.bot.botUserId] }).id;
    const strict = new WebClient(space.bot.botToken, {
      slackApiUrl: slack.apiUrl,
      retryConfig: { retries: 0 },
      rejectRateLimitedCalls: true,
      logger: silentLogger,
    });
    await strict.chat.postMessage({ channel, text: "1" });
    await expect(strict.chat.postMessage({ channel, text: "2" })).rejects.toMatchObject({ retryAfter: 1 });
    await strict.chat.postMessage({ channel: other, text: "1" });
    expect(slack.requests.of("chat.postMessage").map((one) => one.status)).toEqual([200, 429, 200]);
  });
});
