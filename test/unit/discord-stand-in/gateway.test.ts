import { afterEach, expect, it } from "vitest";
import {
  createDiscordStandIn,
  type DiscordStandIn,
  type SmallServer,
  type StandInOptions,
  spawnDiscordStandIn,
} from "../../support/discord/index.ts";
import { RawGateway } from "./raw-gateway.ts";

const HELLO = 10;
const RESUME = 6;
const INVALID_SESSION = 9;
const GUILDS = 1 << 0;
const GUILD_MESSAGES = 1 << 9;

let discord: DiscordStandIn | undefined;
const clients: RawGateway[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await discord?.close();
});

async function started(
  gateway: NonNullable<StandInOptions["gateway"]> = {},
): Promise<{ on: DiscordStandIn; server: SmallServer; channel: string; user: string }> {
  const on = await createDiscordStandIn({ gateway: { identifyWindowMs: 0, ...gateway } });
  discord = on;
  const server = on.setup.smallServer();
  return { on, server, channel: server.channels[0] ?? "", user: server.users[0] ?? "" };
}

async function opened(on: DiscordStandIn, compress = false): Promise<RawGateway> {
  const client = new RawGateway(on.gateway.url, compress);
  clients.push(client);
  await expect.poll(() => client.frames[0]?.op).toBe(HELLO);
  return client;
}

async function ready(on: DiscordStandIn, server: SmallServer, fields: object = {}): Promise<RawGateway> {
  const client = await opened(on);
  client.identify(server.app.botToken, { intents: GUILDS | GUILD_MESSAGES, ...fields });
  await expect.poll(() => client.events("READY").length).toBe(1);
  return client;
}

const wordsOf = (client: RawGateway): unknown[] =>
  client.events("MESSAGE_CREATE").map(({ d }) => (typeof d === "object" && d !== null && "id" in d ? d.id : d));

it("closes with Discord's codes what it cannot take", async () => {
  const { on, server } = await started();
  const token = server.app.botToken;
  const cases: [number, (client: RawGateway) => void][] = [
    [4001, (client) => (client.identify(token), client.send(99, null))],
    [4003, (client) => client.send(3, {})],
    [4004, (client) => client.identify("nonsense")],
    [4005, (client) => (client.identify(token), client.identify(token))],
    [4007, (client) => client.send(RESUME, { token, session_id: sessionOf(on, server), seq: 9_999 })],
    [4010, (client) => client.identify(token, { shard: [2, 2] })],
    [4013, (client) => client.identify(token, { intents: 2 ** 40 })],
    [4014, (client) => client.identify(token, { intents: 1 << 8 })],
  ];
  await ready(on, server);
  for (const [code, act] of cases) {
    const client = await opened(on);
    act(client);
    expect(await client.closed).toBe(code);
  }
});

it("replays what was missed to who resumes, and nothing to who said goodbye", async () => {
  const { on, server, channel, user } = await started({ sessionLifetimeMs: 300 });
  const first = await ready(on, server);
  const sessionId = sessionOf(on, server);
  const seq = first.frames.at(-1)?.s ?? 0;
  first.close(4200);
  await first.closed;
  const { message } = on.people.postAs(user, channel, "missed");
  const second = await opened(on);
  second.send(RESUME, { token: server.app.botToken, session_id: sessionId, seq });
  await expect.poll(() => second.frames.at(-1)?.t).toBe("RESUMED");
  expect(wordsOf(second)).toEqual([message]);
  second.close(1000);
  await second.closed;
  const third = await opened(on);
  third.send(RESUME, { token: server.app.botToken, session_id: sessionId, seq });
  await expect.poll(() => third.frames.at(-1)).toMatchObject({ op: INVALID_SESSION, d: false });
  third.identify(server.app.botToken, { intents: GUILDS });
  await expect.poll(() => third.events("READY").length).toBe(1);
  const expiring = sessionOf(on, server);
  third.close(4200);
  await expect.poll(() => on.gateway.sequences(server.app.applicationId), { timeout: 3_000 }).toEqual([]);
  const fourth = await opened(on);
  fourth.send(RESUME, { token: server.app.botToken, session_id: expiring, seq: 1 });
  await expect.poll(() => fourth.frames.at(-1)?.op).toBe(INVALID_SESSION);
});

it("spreads guilds over shards and gives direct messages to the first", async () => {
  const { on, server } = await started();
  const guilds = [server.guild, on.setup.addGuild(), on.setup.addGuild(), on.setup.addGuild()];
  for (const guild of guilds.slice(1)) on.setup.install(server.app.applicationId, guild);
  const shards = [
    await ready(on, server, { shard: [0, 2], intents: GUILDS | (1 << 12) }),
    await ready(on, server, { shard: [1, 2] }),
  ];
  const seen = shards.map((client) => client.events("GUILD_CREATE").length);
  expect(seen[0]! + seen[1]!).toBe(4);
  for (const guild of guilds) {
    const index = Number((BigInt(guild) >> 22n) % 2n);
    expect(JSON.stringify(shards[index]?.events("GUILD_CREATE"))).toContain(guild);
  }
  const user = server.users[0] ?? "";
  on.people.postAs(user, on.people.openDirect(user, server.app.botUserId), "in private");
  await expect.poll(() => shards.map((client) => wordsOf(client).length)).toEqual([1, 0]);
});

it("cuts one shard off and forgets its session, while the other goes on; too many guilds for one need more", async () => {
  const { on, server } = await started({ maxGuildsPerShard: 1 });
  const { applicationId } = server.app;
  const mine = Number((BigInt(server.guild) >> 22n) % 2n);
  const [busy, idle] = [
    await ready(on, server, { shard: [mine, 2] }),
    await ready(on, server, { shard: [1 - mine, 2] }),
  ];
  on.gateway.setShardAway(applicationId, mine, true);
  await busy.closed;
  const again = await opened(on);
  again.identify(server.app.botToken, { shard: [mine, 2] });
  await again.closed;
  expect(on.gateway.identifies().at(-1)?.outcome).toBe("away");
  expect(idle.events("READY")).toHaveLength(1);
  expect(on.gateway.connectionCount(applicationId)).toBe(1);
  on.gateway.setShardAway(applicationId, mine, false);
  on.gateway.forgetSessions(applicationId, mine);
  expect(on.gateway.sequences(applicationId).map(({ shard }) => shard)).toEqual([[1 - mine, 2]]);
  on.setup.install(applicationId, on.setup.addGuild());
  const alone = await opened(on);
  alone.identify(server.app.botToken, { shard: [0, 1] });
  expect(await alone.closed).toBe(4011);
});

it("counts identifies, spaces them, and resets the token of who does it too often", async () => {
  const { on, server } = await started({ identifyLimit: 2, identifyWindowMs: 10_000, maxConcurrency: 2 });
  const token = server.app.botToken;
  await ready(on, server, { shard: [0, 3] });
  const hasty = await opened(on);
  hasty.identify(token, { shard: [2, 3] });
  await expect.poll(() => hasty.frames.at(-1)?.op).toBe(INVALID_SESSION);
  await ready(on, server, { shard: [1, 3] });
  const limit = await fetch(`${on.apiUrl}/v10/gateway/bot`, { headers: { authorization: `Bot ${token}` } });
  expect(await limit.json()).toMatchObject({ session_start_limit: { total: 2, remaining: 0, max_concurrency: 2 } });
  const last = await opened(on);
  last.identify(token, { shard: [2, 3] });
  expect(await last.closed).toBe(4004);
  expect(on.gateway.identifies().map((one) => one.outcome)).toEqual(["ready", "too_soon", "ready", "token_reset"]);
});

it("loses, doubles, delays, reorders and spoils dispatches on request", async () => {
  const { on, server, channel, user } = await started();
  const client = await ready(on, server);
  const say = (text: string): string => on.people.postAs(user, channel, text).message;
  const ids: Record<string, string> = {};
  for (const kind of ["drop", "duplicate", "delay", "malformed_json", "garbage"] as const) {
    on.frames.add({ kind, event: "MESSAGE_CREATE", times: 1, delayMs: 60 });
    ids[kind] = say(kind);
  }
  on.frames.add({ kind: "reorder", event: "MESSAGE_CREATE", times: 1 });
  const [late, early] = [say("late"), say("early")];
  const { duplicate, delay } = ids;
  await expect.poll(() => wordsOf(client)).toEqual([duplicate, duplicate, early, late, delay]);
  expect(client.garbage).toHaveLength(2);
  const numbers = client.events("MESSAGE_CREATE").map((frame) => frame.s ?? 0);
  expect(numbers[0]).toBe(numbers[1]);
  expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
});

it("beats, goes silent, asks to reconnect, and drops who does not beat", async () => {
  const { on, server, channel, user } = await started({ heartbeatIntervalMs: 200 });
  const client = await ready(on, server);
  client.send(1, client.frames.at(-1)?.s ?? null);
  await expect.poll(() => client.frames.at(-1)?.op).toBe(11);
  on.gateway.requestReconnect(server.app.applicationId);
  await expect.poll(() => client.frames.at(-1)?.op).toBe(7);
  const before = client.frames.length;
  on.gateway.freeze(server.app.applicationId);
  client.send(1, null);
  on.people.postAs(user, channel, "unheard");
  const other = await opened(on);
  expect(await other.closed).toBe(4009);
  expect(client.frames).toHaveLength(before);
});

it("compresses the whole stream for who asks", async () => {
  const { on, server, channel, user } = await started();
  const client = await opened(on, true);
  client.identify(server.app.botToken, { intents: GUILDS | GUILD_MESSAGES });
  await expect.poll(() => client.events("GUILD_CREATE").length).toBe(1);
  const { message } = on.people.postAs(user, channel, "squeezed");
  await expect.poll(() => wordsOf(client)).toEqual([message]);
});

it("tells an outage from a departure", async () => {
  const { on, server } = await started();
  const client = await ready(on, server);
  on.people.setGuildAvailable(server.guild, false);
  on.people.setGuildAvailable(server.guild, true);
  on.people.leave(server.app.botUserId, server.guild);
  await expect
    .poll(() => client.events("GUILD_DELETE").map((frame) => frame.d))
    .toEqual([{ id: server.guild, unavailable: true }, { id: server.guild }]);
  expect(client.events("GUILD_CREATE")).toHaveLength(2);
});

it("runs as a process of its own with the same controls", async () => {
  const remote = await spawnDiscordStandIn({ seed: 2, gateway: { identifyWindowMs: 0 } });
  try {
    expect(remote.pid).not.toBe(process.pid);
    const server = await remote.setup.smallServer();
    const [channel = ""] = server.channels;
    const waiting = remote.log.waitForPosts({ channel, by: "app" });
    await fetch(`${remote.apiUrl}/v10/channels/${channel}/messages`, {
      method: "POST",
      headers: { authorization: `Bot ${server.app.botToken}`, "content-type": "application/json" },
      body: JSON.stringify({ content: "from afar", nonce: "n-1" }),
    });
    expect(await waiting).toMatchObject([{ text: "from afar", nonce: "n-1" }]);
    await expect(remote.people.postAs("1", channel, "x")).rejects.toThrow("may not");
  } finally {
    await remote.close();
  }
});

function sessionOf(on: DiscordStandIn, server: SmallServer): string {
  return on.gateway.sequences(server.app.applicationId).at(-1)?.sessionId ?? "";
}
