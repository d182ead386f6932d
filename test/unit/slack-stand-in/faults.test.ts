import { WebClient } from "@slack/web-api";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type CallFault, createSlackStandIn, type SlackStandIn, spawnSlackStandIn } from "../../support/slack/index.ts";
import { silentLogger } from "./silent-logger.ts";

let slack: SlackStandIn;
let client: WebClient;
let channel: string;
let token: string;

beforeEach(async () => {
  slack = await createSlackStandIn({ seed: 5 });
  const space = slack.setup.smallWorkspace();
  channel = space.channels[0] ?? "";
  token = space.bot.botToken;
  client = clientOf(slack.apiUrl, token);
});
afterEach(() => slack.close());

function clientOf(slackApiUrl: string, token: string, timeout = 5000): WebClient {
  const impatient = { retryConfig: { retries: 0 }, rejectRateLimitedCalls: true, timeout };
  return new WebClient(token, { slackApiUrl, ...impatient, logger: silentLogger });
}

it.each<[CallFault, { code: RegExp; posts: number; lands?: number }]>([
  [
    { kind: "rate_limited", retryAfterSeconds: 7 },
    { code: /rate_limited/, posts: 0 },
  ],
  [
    { kind: "status_before", status: 502 },
    { code: /http_error/, posts: 0 },
  ],
  [{ kind: "hang_before" }, { code: /request_error/, posts: 0 }],
  [{ kind: "reset_before" }, { code: /request_error/, posts: 0 }],
  [{ kind: "lost_response" }, { code: /request_error/, posts: 1 }],
  [
    { kind: "status_after", status: 500 },
    { code: /http_error/, posts: 1 },
  ],
  [{ kind: "hang_after" }, { code: /request_error/, posts: 1 }],
  [{ kind: "cut_response" }, { code: /.*/, posts: 1 }],
  [{ kind: "html" }, { code: /platform_error/, posts: 1 }],
  [
    { kind: "html", effect: false },
    { code: /platform_error/, posts: 0 },
  ],
  [
    { kind: "slow", delayMs: 60 },
    { code: /no error/, posts: 1 },
  ],
  [
    { kind: "late_effect", delayMs: 80 },
    { code: /request_error/, posts: 0, lands: 1 },
  ],
])("strikes as told: %o", async (fault, expected) => {
  const id = slack.faults.add({ method: "chat.postMessage", times: 1, ...fault });
  const patience = fault.kind.startsWith("hang") ? 150 : 5000;
  const outcome = await clientOf(slack.apiUrl, token, patience)
    .chat.postMessage({ channel, text: "once" })
    .then(
      () => "no error",
      (error: { code?: string; message?: string }) => error.code ?? error.message ?? "",
    );
  expect(outcome).toMatch(expected.code);
  expect(slack.log.posts({ channel })).toHaveLength(expected.posts);
  if (expected.lands !== undefined) await slack.log.waitForPosts({ channel, count: expected.lands });
  expect(slack.faults.struck(id)).toBe(1);
  expect(slack.requests.of("chat.postMessage")[0]?.fault).toBe(fault.kind);
  await client.chat.postMessage({ channel, text: "twice" });
});

it("limits faults by channel, number and chance, the same way for the same seed", async () => {
  const strikes = async (seed: number): Promise<boolean[]> => {
    const one = await createSlackStandIn({ seed });
    const space = one.setup.smallWorkspace({ channels: 2 });
    const web = clientOf(one.apiUrl, space.bot.botToken);
    one.faults.add({
      kind: "status_before",
      method: ["chat.postMessage"],
      channel: space.channels[0] ?? "",
      probability: 0.5,
      skip: 1,
    });
    const outcomes: boolean[] = [];
    for (let n = 0; n < 12; n++) {
      const target = space.channels[0] ?? "";
      outcomes.push(
        await web.chat.postMessage({ channel: target, text: "x" }).then(
          () => false,
          () => true,
        ),
      );
      await web.chat.postMessage({ channel: space.channels[1] ?? "", text: "x" });
    }
    await one.close();
    return outcomes;
  };
  const first = await strikes(11);
  expect(first[0]).toBe(false);
  expect(first).toContain(true);
  expect(await strikes(11)).toEqual(first);
  expect(await strikes(12)).not.toEqual(first);
});

it("knows who called before Retry-After was over, and who was only on the way", async () => {
  slack.faults.add({ kind: "rate_limited", method: "chat.postMessage", channel, times: 1, retryAfterSeconds: 1 });
  await client.chat.postMessage({ channel, text: "1" }).catch(() => undefined);
  const answered = performance.now();
  await expect.poll(() => performance.now() - answered, { interval: 10 }).toBeGreaterThan(100);
  await client.chat.postMessage({ channel, text: "2" });
  const early = slack.requests.callsBeforeRetryAfter();
  expect(early).toHaveLength(1);
  expect(early[0]?.earlyByMs).toBeGreaterThan(500);
  expect(slack.requests.callsBeforeRetryAfter({ inFlightMs: 1000 })).toEqual([]);
});

it("runs as a process of its own with the same controls", async () => {
  const remote = await spawnSlackStandIn({ seed: 2 });
  try {
    expect(remote.pid).not.toBe(process.pid);
    const space = await remote.setup.smallWorkspace();
    const [where = ""] = space.channels;
    await remote.people.postAs(space.users[0] ?? "", where, "hello [#q-000001]");
    const waiting = remote.log.waitForPosts({ channel: where, by: "app" });
    await clientOf(remote.apiUrl, space.bot.botToken).chat.postMessage({ channel: where, text: "[#q-000001] yes" });
    expect(await waiting).toMatchObject([{ text: "[#q-000001] yes" }]);
    expect(await remote.people.asked()).toMatchObject([{ token: "q-000001", channel: where }]);
    await expect(remote.people.postAs("UNOBODY", where, "x")).rejects.toThrow("is not in");
  } finally {
    await remote.close();
  }
});
