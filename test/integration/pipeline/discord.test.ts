import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { defineAgent } from "../../../agents/shared/agent-function.ts";
import { type DiscordApp, startDiscordApp } from "../../support/app/discord-app.ts";

/** A whole Parley in front of Discord, while the gateway and REST go wrong in every way they can. */
let parley: DiscordApp;
let asked = 0;

const echo = defineAgent(async function* (request) {
  if (request.trigger.text.includes("with a file"))
    yield { type: "artifact", artifactId: "file", name: "file.txt", mediaType: "text/plain", base64: "ZmlsZQ==" };
  yield `you said ${request.trigger.text}`;
});

beforeAll(async () => {
  parley = await startDiscordApp([{ handle: "echo", name: "Echo", connector: { kind: "function", run: echo } }], {
    env: { PARLEY_LOG_LEVEL: "silent" },
  });
});
afterAll(() => parley.close());
beforeEach(() => {
  parley.discord.faults.clear();
  parley.discord.frames.clear();
});

/** Asks, and gives the token that the answer has to quote. */
function ask(): string {
  asked += 1;
  const token = `token-${asked}-end`;
  parley.discord.people.postAs(parley.user, parley.channel, parley.ask("echo", token));
  return token;
}

/** Every message of Parley that quotes the token and can still be seen. */
function answersTo(token: string): readonly string[] {
  const { discord } = parley;
  const shown = new Map<string, string>();
  for (const entry of discord.log.entries) {
    if (entry.by !== "webhook" && entry.by !== "app") continue;
    if (entry.kind === "post" || entry.kind === "update") shown.set(entry.message ?? "", entry.text ?? "");
    if (entry.kind === "delete") shown.delete(entry.message ?? "");
  }
  return [...shown.values()].filter((text) => text.includes(token));
}

/** How many answers each question has, once all have one. */
async function answers(tokens: readonly string[], timeoutMs = 20_000): Promise<readonly number[]> {
  await expect
    .poll(() => tokens.filter((token) => answersTo(token).length === 0), { timeout: timeoutMs, interval: 50 })
    .toEqual([]);
  return tokens.map((token) => answersTo(token).length);
}

it("answers a mention in a thread, under the agent's own name", async () => {
  const token = ask();
  expect(await answers([token])).toEqual([1]);
  const { discord } = parley;
  const [thread] = discord.log.ofKind("thread_create");
  expect(thread?.detail).toMatchObject({ parent: parley.channel });
  const [answer] = discord.log.posts({ by: "webhook", textIncludes: token });
  expect(answer).toMatchObject({ name: "Echo", channel: thread?.channel, notified: [], unfurled: [] });
});

it.each(["reset_before", "lost_response", "status_before", "status_after", "cut_response", "html"] as const)(
  "answers once although writes end in %s",
  async (kind) => {
    const route = ["POST /channels/:channel/messages", "POST /webhooks/:webhook/:token"];
    parley.discord.faults.add({ kind, route, times: 2 });
    expect(await answers([ask(), ask()], 40_000)).toEqual([1, 1]);
  },
  60_000,
);

it("waits where it is asked to, and answers afterwards", async () => {
  const { discord } = parley;
  const route = ["POST /webhooks/:webhook/:token"];
  discord.faults.add({ kind: "rate_limited", route, retryAfterMs: 1_500, times: 1 });
  discord.faults.add({ kind: "rate_limited", route, scope: "shared", retryAfterMs: 700, times: 1 });
  expect(await answers([ask(), ask()], 30_000)).toEqual([1, 1]);
  expect(discord.requests.callsBeforeRetryAfter()).toEqual([]);
}, 40_000);

it("tries an answer once where the place is closed, says why it ended, and tells nobody there", async () => {
  const { discord, ledger } = parley;
  const route = ["POST /channels/:channel/messages", "POST /webhooks/:webhook/:token"];
  const calls = (): number => route.flatMap((one) => discord.requests.of(one)).length;
  const before = calls();
  // The thread was locked: https://docs.discord.com/developers/topics/opcodes-and-status-codes#json
  discord.faults.add({ kind: "refusal", route, status: 400, code: 160_005 });
  const { message } = discord.people.postAs(parley.user, parley.channel, parley.ask("echo", "closed, with a file"));
  const end = async () => {
    const [row] = await ledger.query<{ state: string; reason: string | null }>(
      {
        text: `select state, state_reason as reason from events where envelope->'body'->>'messageId' = $1 and finished_at is not null`,
      },
      [message],
    );
    return row;
  };
  await expect
    .poll(end, { timeout: 20_000 })
    .toMatchObject({ state: "cancelled", reason: expect.stringContaining("160005") });
  expect(calls() - before).toBe(1);
  expect(
    await ledger.query({
      text: "select d.state from deliveries d join turns t on t.id = d.turn_id where t.state = 'cancelled'",
    }),
  ).toEqual([{ state: "cancelled" }, { state: "cancelled" }]);
  expect(await ledger.query({ text: "select id from dead_letters where stage = 'deliver'" })).toEqual([]);
  discord.faults.clear();
  expect(await answers([ask()])).toEqual([1]);
});

it("loses no question when the gateway cuts, reconnects, spoils frames or goes silent", async () => {
  const { discord, server } = parley;
  const { applicationId } = server.app;
  const tokens: string[] = [];
  const spoil = (kind: "malformed_json" | "garbage" | "drop"): void => {
    discord.frames.add({ kind, event: "MESSAGE_CREATE", times: 1 });
    discord.people.postAs(parley.user, parley.channel, "said to nobody");
  };
  const identifies = discord.gateway.identifies().length;
  for (const disturb of [
    () => discord.gateway.drop(applicationId),
    () => discord.gateway.requestReconnect(applicationId),
    () => discord.gateway.closeAll(applicationId, 4_000),
    () => void discord.frames.add({ kind: "cut", event: "MESSAGE_CREATE", times: 1 }),
    () => void discord.frames.add({ kind: "duplicate", event: "MESSAGE_CREATE", times: 2 }),
    () => void discord.frames.add({ kind: "delay", event: "MESSAGE_CREATE", times: 1, delayMs: 200 }),
    () => spoil("malformed_json"),
    () => spoil("garbage"),
    () => spoil("drop"),
    () => discord.gateway.sendText(applicationId, '{"op": 0, "t": "MESS'),
    () => discord.gateway.sendBytes(applicationId, "eJzT0yMAAGTvBe8="),
    () => discord.gateway.sendText(applicationId, '{"op":99,"d":null}'),
  ]) {
    disturb();
    tokens.push(ask());
  }
  expect(await answers(tokens, 45_000)).toEqual(tokens.map(() => 1));
  expect(discord.gateway.identifies()).toHaveLength(identifies);
}, 60_000);

it("reads from the history what a lost session did not bring", async () => {
  const { discord, server } = parley;
  const { applicationId } = server.app;
  discord.gateway.forgetSessions(applicationId);
  const missed = [ask(), ask()];
  discord.gateway.closeAll(applicationId, 4_000);
  expect(await answers(missed, 45_000)).toEqual([1, 1]);
}, 60_000);

it("answers what was asked while it did not run, and nothing twice", async () => {
  const before = ask();
  expect(await answers([before])).toEqual([1]);
  const missed: string[] = [];
  await parley.restart(() => void missed.push(ask(), ask()));
  expect(await answers([before, ...missed], 30_000)).toEqual([1, 1, 1]);
  await parley.restart(() => {
    parley.discord.gateway.forgetSessions(parley.server.app.applicationId);
    missed.push(ask());
  });
  expect(await answers([before, ...missed], 30_000)).toEqual([1, 1, 1, 1]);
}, 90_000);

it("takes previews of links for no edit", async () => {
  const { discord, user, channel } = parley;
  const token = "token-link-end";
  const { message } = discord.people.postAs(user, channel, parley.ask("echo", `${token} https://example.org/page`));
  for (let times = 0; times < 5; times++) discord.people.unfurl(channel, message);
  expect(await answers([token])).toEqual([1]);
  discord.people.unfurl(channel, message);
  const after = ask();
  expect(await answers([after, token])).toEqual([1, 1]);
});

it("stops at once when its token is refused, and identifies no more", async () => {
  const { discord, server } = parley;
  discord.conditions.resetToken(server.app.applicationId);
  const before = discord.gateway.identifies().length;
  discord.gateway.closeAll(server.app.applicationId, 4_004);
  await expect.poll(() => discord.gateway.connectionCount(server.app.applicationId)).toBe(0);
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  expect(discord.gateway.identifies().length - before).toBe(0);
  expect(discord.gateway.connectionCount()).toBe(0);
});
