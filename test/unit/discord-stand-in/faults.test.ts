import { afterEach, beforeEach, expect, it } from "vitest";
import { createDiscordStandIn, type DiscordStandIn, type SmallServer } from "../../support/discord/index.ts";
import { type RestAnswer, restCall } from "./rest-call.ts";

const CREATE = "POST /channels/:channel/messages";

let discord: DiscordStandIn;
let server: SmallServer;
let channel: string;

beforeEach(async () => {
  discord = await createDiscordStandIn({ seed: 5 });
  server = discord.setup.smallServer();
  channel = server.channels[0] ?? "";
});
afterEach(() => discord.close());

const post = (timeoutMs = 5_000): Promise<RestAnswer> =>
  restCall(discord.apiUrl, `POST /channels/${channel}/messages`, {
    json: { content: "once" },
    token: server.app.botToken,
    timeoutMs,
  });

it.each([
  [
    { kind: "rate_limited", retryAfterMs: 7_000 },
    { status: "429", posts: 0 },
  ],
  [
    { kind: "rate_limited", scope: "global" },
    { status: "429", posts: 0 },
  ],
  [
    { kind: "refusal", status: 403, code: 50_013 },
    { status: "403", posts: 0 },
  ],
  [
    { kind: "status_before", status: 502 },
    { status: "502", posts: 0 },
  ],
  [{ kind: "status_after" }, { status: "503", posts: 1 }],
  [{ kind: "hang_before" }, { status: "UND_ERR_HEADERS_TIMEOUT", posts: 0 }],
  [{ kind: "hang_after" }, { status: "UND_ERR_HEADERS_TIMEOUT", posts: 1 }],
  [{ kind: "reset_before" }, { status: "UND_ERR_SOCKET", posts: 0 }],
  [{ kind: "lost_response" }, { status: "UND_ERR_SOCKET", posts: 1 }],
  [{ kind: "cut_response" }, { status: "UND_ERR_RES_CONTENT_LENGTH_MISMATCH", posts: 1 }],
  [{ kind: "html" }, { status: "200", posts: 1 }],
  [
    { kind: "html", effect: false },
    { status: "200", posts: 0 },
  ],
  [
    { kind: "slow", delayMs: 60 },
    { status: "200", posts: 1 },
  ],
  [
    { kind: "late_effect", delayMs: 80 },
    { status: "UND_ERR_SOCKET", posts: 0, lands: 1 },
  ],
] as const)("strikes as told: %o", async (fault, expected) => {
  const id = discord.faults.add({ route: CREATE, channel, times: 1, ...fault });
  const outcome = await post(fault.kind.startsWith("hang") ? 200 : 5_000).then(
    (answer) => String(answer.status),
    (error: unknown) => (typeof error === "object" && error !== null && "code" in error ? String(error.code) : ""),
  );
  expect(outcome).toBe(expected.status);
  expect(discord.log.posts({ channel })).toHaveLength(expected.posts);
  if ("lands" in expected) await discord.log.waitForPosts({ channel, count: expected.lands });
  expect(discord.faults.struck(id)).toBe(1);
  expect(discord.requests.of(CREATE)[0]?.fault).toBe(fault.kind);
  expect((await post()).status).toBe(200);
});

it("strikes a webhook's writes by the thread in which they land", async () => {
  const user = server.users[0] ?? "";
  const thread = discord.people.threadAs(user, channel, "aside");
  const hook = await restCall(discord.apiUrl, `POST /channels/${channel}/webhooks`, {
    json: { name: "Parley" },
    token: server.app.botToken,
  });
  const { id, token } = hook.body as { id: string; token: string }; // a webhook has both
  const write = (query: string): Promise<RestAnswer> =>
    restCall(discord.apiUrl, `POST /webhooks/${id}/${token}?wait=true${query}`, { json: { content: "x" } });
  discord.faults.add({ kind: "status_before", route: "POST /webhooks/:webhook/:token", channel: thread });
  expect([(await write("")).status, (await write(`&thread_id=${thread}`)).status]).toEqual([200, 503]);
});
