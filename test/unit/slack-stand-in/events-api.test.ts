import { verifySlackRequest } from "@slack/bolt";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createSlackStandIn, type SlackStandIn, type SmallWorkspace } from "../../support/slack/index.ts";
import { type Received, RequestListener } from "./request-listener.ts";

let slack: SlackStandIn;
let space: SmallWorkspace;
let app: RequestListener;
let channel: string;
let user: string;

beforeEach(async () => {
  app = await RequestListener.start();
  slack = await createSlackStandIn({ seed: 3, delivery: { timeoutMs: 1500, retryScale: 0.0002 } });
  space = slack.setup.smallWorkspace({ requestUrl: app.url });
  channel = space.channels[0] ?? "";
  user = space.users[0] ?? "";
});
afterEach(async () => {
  await slack.close();
  await app.close();
});

/** The inner events received so far. */
function inner(): Record<string, unknown>[] {
  return app.events().map((body) => body["event"] as Record<string, unknown>);
}

it("signs what Bolt's verification accepts, in the full envelope", async () => {
  slack.people.postAs(user, channel, "hello");
  const [request] = await app.count(1);
  expect(() => verifySlackRequest(verification(request, space.app.signingSecret))).not.toThrow();
  expect(() => verifySlackRequest(verification(request, "another-secret"))).toThrow(/mismatch/);
  expect(app.events()[0]).toMatchObject({
    token: space.app.verificationToken,
    team_id: space.team.id,
    context_team_id: space.team.id,
    api_app_id: space.app.appId,
    type: "event_callback",
    event_id: expect.stringMatching(/^Ev/),
    event_time: expect.any(Number),
    is_ext_shared_channel: false,
    authorizations: [{ team_id: space.team.id, user_id: space.bot.botUserId, is_bot: true }],
    event: {
      type: "message",
      text: "hello",
      user,
      channel,
      client_msg_id: expect.any(String),
      blocks: [{ type: "rich_text" }],
    },
  });
});

function verification(request: Received | undefined, signingSecret: string): Parameters<typeof verifySlackRequest>[0] {
  if (request === undefined) throw new Error("no request came");
  const { headers, body } = request;
  return {
    signingSecret,
    body,
    headers: {
      "x-slack-signature": String(headers["x-slack-signature"]),
      "x-slack-request-timestamp": Number(headers["x-slack-request-timestamp"]),
    },
  };
}

it("checks a request URL by challenge", async () => {
  expect(await slack.setup.verifyRequestUrl(space.app.appId)).toBe(false);
  app.answer = (request) => ({ body: (JSON.parse(request.body) as { challenge: string }).challenge });
  expect(await slack.setup.verifyRequestUrl(space.app.appId)).toBe(true);
});

it("retries up to three times with number and reason, with the same event_id", async () => {
  app.answer = () => ({ status: 503 });
  slack.people.postAs(user, channel, "hello");
  await slack.deliveries.whenIdle();
  expect(app.received.map((one) => one.headers["x-slack-retry-num"])).toEqual([undefined, "1", "2", "3"]);
  expect(app.received[1]?.headers["x-slack-retry-reason"]).toBe("http_error");
  expect(new Set(app.events().map((body) => body["event_id"])).size).toBe(1);
  expect(slack.deliveries.records[0]?.state).toBe("given_up");
});

it("takes silence for a timeout, and stops when the app says no-retry", async () => {
  app.answer = (request) => (request.headers["x-slack-retry-num"] === undefined ? undefined : {});
  slack.people.postAs(user, channel, "hello");
  await slack.deliveries.whenIdle();
  expect(app.received[1]?.headers["x-slack-retry-reason"]).toBe("http_timeout");
  expect(slack.deliveries.records[0]).toMatchObject({ state: "acknowledged" });

  app.answer = () => ({ status: 500, headers: { "x-slack-no-retry": "1" } });
  slack.people.postAs(user, channel, "again");
  await slack.deliveries.whenIdle();
  expect(app.received).toHaveLength(3);
});

it("tells a mention twice in the chosen order, without files in the mention", async () => {
  slack.setup.configureApp(space.app.appId, { eventTypes: ["message.channels", "app_mention"] });
  slack.conditions.setMentionOrder("mention_first");
  slack.people.postAs(user, channel, `<@${space.bot.botUserId}> look`, { files: [{ name: "a.txt", content: "abc" }] });
  await app.count(2);
  const events = inner();
  expect(new Set(events.map((event) => event["type"]))).toEqual(new Set(["app_mention", "message"]));
  const mention = events.find((event) => event["type"] === "app_mention");
  const message = events.find((event) => event["type"] === "message");
  expect(message).toMatchObject({ subtype: "file_share", files: [{ name: "a.txt", size: 3 }] });
  expect(mention).not.toHaveProperty("files");
  expect(mention?.["ts"]).toBe(message?.["ts"]);
  const types = slack.deliveries.records.map((record) => record.type);
  expect(types).toEqual(["app_mention", "message"]);
});

it("shows edits, unfurls, deletes, broadcasts and reactions as Slack does", async () => {
  const root = slack.people.postAs(user, channel, "see https://example.test/a");
  slack.people.unfurl(channel, root.ts);
  slack.people.editAs(user, channel, root.ts, "changed");
  slack.people.postAs(user, channel, "also here", { threadTs: root.ts, broadcast: true });
  slack.people.reactAs(user, channel, root.ts, "eyes");
  slack.people.deleteAs(user, channel, root.ts);
  await slack.deliveries.whenIdle();
  const by = (subtype: string): Record<string, unknown>[] => inner().filter((event) => event["subtype"] === subtype);
  const changes = by("message_changed");
  expect(changes).toHaveLength(2);
  const texts = changes.map((event) => [textOf(event["previous_message"]), textOf(event["message"])]);
  expect(texts).toContainEqual(["see https://example.test/a", "see https://example.test/a"]);
  expect(texts).toContainEqual(["see https://example.test/a", "changed"]);
  expect(by("thread_broadcast")[0]).toMatchObject({ thread_ts: root.ts, root: { ts: root.ts }, parent_user_id: user });
  expect(by("message_deleted")[0]).toMatchObject({ deleted_ts: root.ts, hidden: true });
  expect(inner().find((event) => event["type"] === "reaction_added")).toMatchObject({
    reaction: "eyes",
    item: { ts: root.ts, channel },
  });
});

function textOf(message: unknown): unknown {
  return typeof message === "object" && message !== null && "text" in message ? message.text : undefined;
}

it("tells a bot of its own removal by channel_left or group_left alone", async () => {
  const hidden = slack.setup.addChannel(space.team.id, { isPrivate: true, members: [user, space.bot.botUserId] }).id;
  slack.people.kick(user, channel, space.bot.botUserId);
  slack.people.kick(user, hidden, space.bot.botUserId);
  slack.people.postAs(user, channel, "unheard");
  await slack.deliveries.whenIdle();
  expect(inner().map((event) => event["type"])).toEqual(["channel_left", "group_left"]);
  expect(inner()[0]).toMatchObject({ channel, actor_id: user });
  slack.people.invite(user, channel, space.bot.botUserId);
  await slack.deliveries.whenIdle();
  const joined = inner().filter(
    (event) => event["type"] === "member_joined_channel" || event["subtype"] === "channel_join",
  );
  expect(joined).toHaveLength(2);
  expect(joined[0]).toMatchObject({ user: space.bot.botUserId, inviter: user });
});

it("echoes the app's own posts to it, and says farewell on uninstall", async () => {
  await fetch(`${slack.apiUrl}chat.postMessage`, {
    method: "POST",
    headers: { authorization: `Bearer ${space.bot.botToken}`, "content-type": "application/json" },
    body: JSON.stringify({ channel, text: "I am a bot" }),
  });
  slack.gestures.uninstall(space.team.id);
  await slack.deliveries.whenIdle();
  expect(inner()[0]).toMatchObject({
    text: "I am a bot",
    bot_id: space.bot.botId,
    app_id: space.app.appId,
    user: space.bot.botUserId,
  });
  expect(inner().map((event) => event["type"])).toEqual(["message", "tokens_revoked", "app_uninstalled"]);
});

it("duplicates, reorders and drops answers by its seed", async () => {
  slack.conditions.setDeliveryFaults({
    duplicate: { probability: 0.5, maxCopies: 3 },
    reorder: { probability: 0.5, windowMs: 30 },
  });
  for (let n = 0; n < 40; n++) slack.people.postAs(user, channel, `message ${n}`);
  await expect.poll(() => new Set(inner().map((event) => event["ts"])).size).toBe(40);
  await slack.deliveries.whenIdle();
  const ids = app.events().map((body) => body["event_id"]);
  expect(ids.length).toBeGreaterThan(45);
  expect(new Set(ids).size).toBe(40);
  const stamps = inner().map((event) => String(event["ts"]));
  expect(stamps).not.toEqual([...stamps].sort());

  slack.conditions.setDeliveryFaults({ dropAnswer: { probability: 1 } });
  const before = app.received.length;
  const { ts } = slack.people.postAs(user, channel, "the last");
  await slack.deliveries.whenIdle();
  expect(app.received.length - before).toBe(4);
  expect(slack.deliveries.acknowledgedAt(channel, ts)).toBeGreaterThan(0);
});
