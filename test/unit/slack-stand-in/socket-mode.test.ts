import { SocketModeClient } from "@slack/socket-mode";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createSlackStandIn, type SlackStandIn, type SmallWorkspace } from "../../support/slack/index.ts";
import { silentLogger } from "./silent-logger.ts";

/** What the SDK hands to a listener of `slack_event`. */
interface Delivered {
  readonly ack: (response?: unknown) => Promise<void>;
  readonly envelope_id: string;
  readonly type: string;
  readonly body: { event_id?: string; event?: Record<string, unknown>; command?: string; type?: string };
  readonly retry_num?: number;
  readonly retry_reason?: string;
  readonly accepts_response_payload?: boolean;
}

let slack: SlackStandIn;
let space: SmallWorkspace;
let channel: string;
let user: string;
const clients: SocketModeClient[] = [];

beforeEach(async () => {
  slack = await createSlackStandIn({
    delivery: { timeoutMs: 600, retryScale: 0.0001 },
    socket: { pingIntervalMs: 50 },
  });
  space = slack.setup.smallWorkspace({ eventTypes: ["message.channels", "app_mention"] });
  channel = space.channels[0] ?? "";
  user = space.users[0] ?? "";
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.disconnect()));
  await slack.close();
});

async function connect(onEvent: (event: Delivered) => void): Promise<SocketModeClient> {
  const client = new SocketModeClient({
    appToken: space.app.appToken,
    clientOptions: { slackApiUrl: slack.apiUrl },
    logger: silentLogger,
    clientPingTimeout: 200,
    autoReconnectEnabled: true,
  });
  client.on("slack_event", onEvent);
  clients.push(client);
  await client.start();
  return client;
}

it("delivers message and app_mention with different event ids and takes the SDK's acknowledgements", async () => {
  const seen: Delivered[] = [];
  await connect((event) => {
    seen.push(event);
    void event.ack();
  });
  const written = slack.people.postAs(user, channel, `<@${space.bot.botUserId}> hello`);
  await slack.deliveries.whenIdle();
  expect(seen.map((one) => one.body.event?.["type"])).toEqual(["message", "app_mention"]);
  expect(new Set(seen.map((one) => one.body.event_id)).size).toBe(2);
  expect(seen[0]).toMatchObject({ type: "events_api", retry_num: 0, accepts_response_payload: false });
  expect(seen[0]?.body.event).toMatchObject({
    ts: written.ts,
    user,
    channel,
    channel_type: "channel",
    team: space.team.id,
  });
  expect(slack.deliveries.records.map((one) => one.state)).toEqual(["acknowledged", "acknowledged"]);
  expect(slack.deliveries.acknowledgedAt(channel, written.ts)).toBeGreaterThan(0);
});

it("repeats an envelope that nobody acknowledged, on another connection when there is one", async () => {
  const seen: { by: string; event: Delivered }[] = [];
  await connect((event) => seen.push({ by: "deaf", event }));
  await connect((event) => {
    seen.push({ by: "good", event });
    void event.ack();
  });
  expect(slack.sockets.connectionCount(space.app.appId)).toBe(2);
  for (let n = 0; n < 4; n++) slack.people.postAs(user, channel, `message ${n}`);
  await slack.deliveries.whenIdle();
  expect(slack.deliveries.records.every((record) => record.state === "acknowledged")).toBe(true);
  const deaf = seen.filter((one) => one.by === "deaf");
  expect(deaf).toHaveLength(2);
  const retried = seen.filter((one) => one.by === "good" && one.event.retry_num === 1);
  const idsOf = (list: typeof seen): Set<string | undefined> => new Set(list.map((one) => one.event.body.event_id));
  expect(idsOf(retried)).toEqual(idsOf(deaf));
  expect(retried[0]?.event.retry_reason).toBe("timeout");
  expect(new Set(seen.map((one) => one.event.envelope_id)).size).toBe(seen.length);
});

it("gives up after three retries when no connection is open", async () => {
  slack.people.postAs(user, channel, "anyone?");
  await slack.deliveries.whenIdle();
  expect(slack.deliveries.records[0]).toMatchObject({ state: "given_up" });
  expect(slack.deliveries.records[0]?.attempts.map((one) => one.result)).toEqual(Array(4).fill("no_connection"));
});

it("asks clients to go, and they come back", async () => {
  const seen: string[] = [];
  await connect((event) => {
    seen.push(String(event.body.event?.["text"]));
    void event.ack();
  });
  slack.sockets.disconnect(space.app.appId, "refresh_requested");
  await expect.poll(() => slack.requests.count("apps.connections.open"), { timeout: 5000 }).toBe(2);
  await expect.poll(() => slack.sockets.connectionCount(space.app.appId)).toBe(1);
  slack.people.postAs(user, channel, "after the refresh");
  await expect.poll(() => seen).toEqual(["after the refresh"]);
});

it("redelivers on another connection what a dying socket took with it", async () => {
  const seen: Delivered[] = [];
  for (let n = 0; n < 2; n++) {
    await connect((event) => {
      seen.push(event);
      void event.ack().catch(() => undefined);
    });
  }
  slack.conditions.setDeliveryFaults({ dropSocket: { probability: 1 } });
  const { ts } = slack.people.postAs(user, channel, "hello");
  slack.conditions.setDeliveryFaults({});
  await slack.deliveries.whenIdle();
  const [record] = slack.deliveries.records;
  expect(record?.attempts.map((attempt) => attempt.result)).toEqual(["connection_closed", "ok"]);
  expect(record?.attempts[0]?.connectionId).not.toBe(record?.attempts[1]?.connectionId);
  expect(seen.every((one) => one.body.event?.["ts"] === ts)).toBe(true);
});

it("can fall silent without closing, and the SDK notices by its pings", async () => {
  const client = await connect(() => undefined);
  slack.sockets.freeze(space.app.appId);
  slack.people.postAs(user, channel, "into the void");
  await new Promise((resolve) => client.once("reconnecting", resolve));
  await expect.poll(() => slack.requests.count("apps.connections.open"), { timeout: 5000 }).toBe(2);
});

it("closes the eleventh connection", async () => {
  for (let n = 0; n < 10; n++) await connect(() => undefined);
  expect(slack.sockets.connectionCount(space.app.appId)).toBe(10);
  const eleventh = await slackOpen();
  expect(eleventh).toMatch(/too_many_websockets/);
});

/** Opens a bare WebSocket and returns its first frame. */
async function slackOpen(): Promise<string> {
  const answer = await fetch(`${slack.apiUrl}apps.connections.open`, {
    method: "POST",
    headers: { authorization: `Bearer ${space.app.appToken}` },
  });
  const { url } = (await answer.json()) as { url: string };
  const socket = new WebSocket(url);
  return new Promise((resolve) =>
    socket.addEventListener("message", (event) => resolve(String(event.data)), { once: true }),
  );
}

it("carries commands and clicks, and hands back what the app answers", async () => {
  const seen: Delivered[] = [];
  await connect((event) => {
    seen.push(event);
    void event.ack(event.type === "slash_commands" ? { text: "working on it" } : undefined);
  });
  const outcome = await slack.gestures.slash(user, channel, "/ask", "what now?");
  expect(outcome).toEqual({ acknowledged: true, response: { text: "working on it" } });
  expect(seen[0]).toMatchObject({
    type: "slash_commands",
    accepts_response_payload: true,
    body: { command: "/ask", text: "what now?" },
  });
});

it("refuses the wrong token and a used ticket", async () => {
  const bad = await fetch(`${slack.apiUrl}apps.connections.open`, {
    method: "POST",
    headers: { authorization: "Bearer xapp-1-no" },
  });
  expect(await bad.json()).toEqual({ ok: false, error: "invalid_auth" });
  const wrongKind = await fetch(`${slack.apiUrl}apps.connections.open`, {
    method: "POST",
    headers: { authorization: `Bearer ${space.bot.botToken}` },
  });
  expect(await wrongKind.json()).toEqual({ ok: false, error: "not_allowed_token_type" });
  const socket = new WebSocket(`${slack.url.replace("http", "ws")}/link/?ticket=nonsense`);
  await new Promise((resolve) => socket.addEventListener("error", resolve, { once: true }));
});
