import { afterEach, beforeEach, expect, it } from "vitest";
import { createDiscordStandIn, type DiscordStandIn, type SmallServer } from "../../support/discord/index.ts";
import { type RestAnswer, type RestCall, restCall } from "./rest-call.ts";

let discord: DiscordStandIn;
let server: SmallServer;
let channel: string;
let user: string;
let other: string;

beforeEach(async () => {
  discord = await createDiscordStandIn({ nonceWindowMs: 400 });
  server = discord.setup.smallServer();
  channel = server.channels[0] ?? "";
  [user = "", other = ""] = server.users;
});
afterEach(() => discord.close());

const call = (route: string, how: RestCall = {}): Promise<RestAnswer> =>
  restCall(discord.apiUrl, route, { token: server.app.botToken, ...how });
const post = (json: object, how: RestCall = {}): Promise<RestAnswer> =>
  call(`POST /channels/${channel}/messages`, { json, ...how });
const field = ({ body }: RestAnswer, name: string): string =>
  typeof body === "object" && body !== null && name in body ? String(Reflect.get(body, name)) : "";
const refusal = (status: number, code: number): object => ({ status, body: { code } });

it("gives the earlier message for an enforced nonce, for a while, and never for webhooks", async () => {
  const first = await post({ content: "once", nonce: "n-1", enforce_nonce: true });
  const again = await post({ content: "twice", nonce: "n-1", enforce_nonce: true });
  expect([field(again, "id"), field(again, "content")]).toEqual([field(first, "id"), "once"]);
  expect(field(await post({ content: "not enforced", nonce: "n-1" }), "id")).not.toBe(field(first, "id"));
  expect(await post({ content: "x", nonce: "n".repeat(26) })).toMatchObject(refusal(400, 50_035));

  await post({ content: "gone", nonce: "n-2", enforce_nonce: true });
  discord.people.deleteAs(server.owner, channel, discord.log.posts().at(-1)?.message ?? "");
  expect(await post({ content: "gone", nonce: "n-2", enforce_nonce: true })).toMatchObject(refusal(404, 10_008));

  const hook = await call(`POST /channels/${channel}/webhooks`, { json: { name: "Parley" } });
  const address = `POST /webhooks/${field(hook, "id")}/${field(hook, "token")}?wait=true`;
  const json = { content: "hook", nonce: "n-3", enforce_nonce: true };
  const twice = [await call(address, { json }), await call(address, { json })];
  expect(new Set(twice.map((one) => field(one, "id"))).size).toBe(2);
  expect(field(twice[0]!, "nonce")).toBe("");
  await expect
    .poll(async () => field(await post({ content: "later", nonce: "n-1", enforce_nonce: true }), "content"))
    .toBe("later");
});

it("notifies as allowed_mentions says, which an edit does not remember", async () => {
  const names = `<@${user}> <@${other}> @everyone \`<@${user}>\` `;
  const notified = (): readonly string[] => discord.log.entries.at(-1)?.notified ?? [];
  const posted = await post({ content: names, allowed_mentions: { users: [user] } });
  expect(notified()).toEqual([user]);
  const edit = `PATCH /channels/${channel}/messages/${field(posted, "id")}`;
  await call(edit, { json: { content: names } });
  expect(notified()).toEqual([user, other, "everyone"]);
  await call(edit, { json: { content: names, allowed_mentions: { parse: [] } } });
  expect(notified()).toEqual([]);
  const both = { parse: ["users"], users: [user] };
  expect(await post({ content: names, allowed_mentions: both })).toMatchObject(refusal(400, 50_035));
  const display = [{ type: 10, content: `for <@${user}>` }];
  await post({ flags: 1 << 15, components: display });
  expect(notified()).toEqual([user]);
  const asked = discord.people.postAs(user, channel, "why?").message;
  await post({ content: "so", message_reference: { message_id: asked }, allowed_mentions: { parse: [] } });
  expect(notified()).toEqual([]);
});

it("says which links it would fetch", async () => {
  const fetched = async (json: object): Promise<readonly string[]> => {
    await post(json);
    return discord.log.posts().at(-1)?.unfurled ?? [];
  };
  const link = "https://example.org/a";
  expect(await fetched({ content: `see ${link}` })).toEqual([link]);
  expect(await fetched({ content: `[here](${link})` })).toEqual([link]);
  expect(await fetched({ content: `<${link}> and \`${link}\` and [here](<${link}>)` })).toEqual([]);
  expect(await fetched({ content: link, flags: 1 << 2 })).toEqual([]);
  expect(await fetched({ flags: 1 << 15, components: [{ type: 10, content: link }] })).toEqual([]);
  const gallery = { type: 12, items: [{ media: { url: `${link}.png` } }] };
  expect(await fetched({ flags: 1 << 15, components: [gallery] })).toEqual([`${link}.png`]);
});

it("keeps to the limits of content, embeds and components", async () => {
  const text = (content: string): object => ({ type: 10, content });
  const v2 = 1 << 15;
  const cases: [object, number][] = [
    [{ content: "x".repeat(2_001) }, 50_035],
    [{ content: "   " }, 50_006],
    [{ embeds: [{ description: "x".repeat(4_000) }, { description: "x".repeat(2_001) }] }, 50_035],
    [{ flags: v2, content: "x", components: [text("x")] }, 50_035],
    [{ flags: v2, components: [text("x".repeat(4_001))] }, 50_035],
    [{ flags: v2, components: [text("x".repeat(2_500)), text("x".repeat(1_501))] }, 50_035],
    [{ flags: v2, components: Array.from({ length: 41 }, () => text("x")) }, 50_035],
    [{ components: [text("x")] }, 50_035],
    [{ components: [{ type: 1, components: [{ type: 2, style: 1, label: "x".repeat(81), custom_id: "a" }] }] }, 50_035],
  ];
  for (const [json, code] of cases) expect(await post(json)).toMatchObject(refusal(400, code));
  expect((await post({ content: "😀".repeat(2_000) })).status).toBe(200);
  expect((await post({ flags: v2, components: Array.from({ length: 40 }, () => text("x")) })).status).toBe(200);
  const [message] = discord.log.posts().slice(-1);
  const edit = `PATCH /channels/${channel}/messages/${message?.message}`;
  expect(await call(edit, { json: { content: "plain", components: [] } })).toMatchObject(refusal(400, 50_035));
  expect(await call(edit, { json: { flags: 0 } })).toMatchObject(refusal(400, 50_035));
});

it("judges permissions by roles, overwrites, timeouts and private threads", async () => {
  const { people } = discord;
  const bot = server.app.botUserId;
  const privateId = people.threadAs(user, channel, "secret", { private: true });
  const inThread = (): Promise<RestAnswer> => call(`POST /channels/${privateId}/messages`, { json: { content: "x" } });
  expect(await inThread()).toMatchObject(refusal(403, 50_001));
  people.addToThread(privateId, bot);
  expect((await inThread()).status).toBe(200);
  people.changeThreadAs(user, privateId, { locked: true });
  expect(await inThread()).toMatchObject(refusal(400, 160_005));

  people.setOverwrite(channel, { id: server.guild, deny: ["SEND_MESSAGES"] });
  expect(await post({ content: "x" })).toMatchObject(refusal(403, 50_013));
  people.setOverwrite(channel, { id: server.botRole, allow: ["SEND_MESSAGES"] });
  expect((await post({ content: "x" })).status).toBe(200);
  people.setOverwrite(channel, { id: bot, type: "member", deny: ["VIEW_CHANNEL"] });
  expect(await post({ content: "x" })).toMatchObject(refusal(403, 50_001));
  people.removeOverwrite(channel, bot);
  people.timeout(server.guild, bot, 60_000);
  expect(await post({ content: "x" })).toMatchObject(refusal(403, 50_013));
  expect((await call(`GET /channels/${channel}/messages`)).status).toBe(200);
  people.deleteChannelAs(server.owner, channel);
  expect(await post({ content: "x" })).toMatchObject(refusal(404, 10_003));
  expect(await restCall(discord.apiUrl, "GET /users/@me")).toMatchObject(refusal(401, 0));
  expect(discord.requests.invalidRequests()).toBe(5);
});

it("pages history, limits late edits, and hands out files by signed addresses", async () => {
  const old = Array.from(
    { length: 5 },
    (_, n) => discord.people.postAs(user, channel, `m${n}`, { ageMs: (5 - n) * 3_600_000 + 60_000 }).message,
  );
  const page = async (query: string): Promise<unknown> =>
    (await call(`GET /channels/${channel}/messages?${query}`)).body;
  expect(await page(`after=${old[1]}&limit=2`)).toMatchObject([{ id: old[3] }, { id: old[2] }]);
  expect(await page(`before=${old[1]}`)).toMatchObject([{ id: old[0] }]);
  expect(await page("after=0&limit=2")).toMatchObject([{ id: old[1] }, { id: old[0] }]);
  expect(await call(`GET /channels/${channel}/messages?limit=101`)).toMatchObject(refusal(400, 50_035));

  const own = discord.people.postAs(server.app.botUserId, channel, "mine", { ageMs: 7_200_000 }).message;
  const edit = (): Promise<RestAnswer> =>
    call(`PATCH /channels/${channel}/messages/${own}`, { json: { content: "new" } });
  const statuses: number[] = [];
  for (let count = 0; count < 31; count++) statuses.push((await edit()).status);
  expect(statuses.filter((status) => status === 200)).toHaveLength(30);
  expect(await edit()).toMatchObject(refusal(429, 30_046));

  const { body } = await post({ content: "" }, { file: { name: "a b.txt", text: "bytes" } });
  const [file] = (body as { attachments: { url: string; filename: string }[] }).attachments; // of a message with one file
  expect(file?.filename).toBe("a_b.txt");
  expect(await (await fetch(file?.url ?? "")).text()).toBe("bytes");
  expect((await fetch(`${file?.url}`.replace("hm=", "hm=0"))).status).toBe(404);
});

it("names its limits and asks for patience, per bucket and for all", async () => {
  discord.conditions.setRateLimits({});
  const answers = await Promise.all(Array.from({ length: 6 }, (_, n) => post({ content: `m${n}` })));
  const limited = answers.filter((answer) => answer.status === 429);
  expect(limited).toMatchObject([{ body: { global: false }, headers: { "x-ratelimit-scope": "user" } }]);
  expect(answers[0]?.headers).toMatchObject({ "x-ratelimit-limit": "5", "x-ratelimit-remaining": expect.any(String) });
  await new Promise((resolve) => setTimeout(resolve, 80));
  await post({ content: "too early" });
  expect(discord.requests.callsBeforeRetryAfter()).toHaveLength(1);
  const rush = await Promise.all(Array.from({ length: 60 }, () => call("GET /users/@me")));
  expect(rush.some((answer) => answer.headers["x-ratelimit-global"] === "true")).toBe(true);
});
