import { request } from "undici";
import { afterEach, describe, expect, test, vi } from "vitest";
import { type Bench, createBench, failureOf } from "./harness.ts";

let bench: Bench;
afterEach(() => bench.close());

/** Walks through the install as a browser does and gives the last answer. */
async function install(
  consent: { teamId?: string; denies?: boolean } = {},
  tamper: (url: URL) => void = () => undefined,
) {
  bench.slack.conditions.setConsent(consent);
  const first = await request(`${bench.url}/slack/install`);
  await first.body.dump();
  const cookie = String(first.headers["set-cookie"]).split(";")[0] ?? "";
  const page = await request(String(first.headers["location"]));
  await page.body.dump();
  const back = new URL(String(page.headers["location"]));
  tamper(back);
  const answer = await request(back, { headers: { cookie } });
  return { status: answer.statusCode, text: await answer.body.text() };
}

describe("installs by OAuth", () => {
  test("connect a workspace, whose events and posts then work", async () => {
    bench = await createBench({ oauth: true });
    expect((await install({ teamId: bench.workspace.team.id })).status).toBe(200);
    const row = bench.sink.rows.get(`inst-${bench.workspace.team.id}`);
    expect(row).toMatchObject({
      platform: "slack",
      externalId: bench.workspace.team.id,
      status: "active",
      settings: { teamId: bench.workspace.team.id, source: "oauth" },
    });
    expect(Object.keys(row?.secrets ?? {})).toEqual(["botToken"]);
    bench.slack.people.postAs(bench.person, bench.channel, "hello");
    await vi.waitUntil(() => bench.sink.people().length === 1);
    await bench.adapter.send(bench.post("hello to you"));
    expect(bench.slack.log.posts({ by: "app" })).toHaveLength(1);
  });

  test("of two workspaces stay apart", async () => {
    bench = await createBench({ oauth: true });
    const second = bench.slack.setup.addTeam({ name: "Second" });
    await install({ teamId: bench.workspace.team.id });
    await install({ teamId: second.id });
    expect(bench.adapter.health().map((row) => [row.name, row.state])).toEqual([
      [bench.workspace.team.name, "connected"],
      ["Second", "connected"],
    ]);
    bench.slack.gestures.revokeTokens(second.id);
    await bench.slack.deliveries.whenIdle();
    expect(bench.adapter.health().map((row) => row.state)).toEqual(["connected", "paused"]);
    await install({ teamId: second.id });
    expect(bench.adapter.health().map((row) => row.state)).toEqual(["connected", "connected"]);
  });

  test("are refused with another state, without consent, and from workspaces that are not allowed", async () => {
    bench = await createBench({ oauth: true, config: { allowedTeams: ["T0ONLYTHIS"] } });
    expect((await install({}, (url) => url.searchParams.set("state", "forged"))).status).toBeGreaterThanOrEqual(400);
    expect((await install({ denies: true })).status).toBeGreaterThanOrEqual(400);
    expect((await install({ teamId: bench.workspace.team.id })).status).toBe(403);
    expect(bench.sink.rows.size).toBe(0);
  });
});

describe("the configured token", () => {
  test("that Slack refuses is reported and connects nothing", async () => {
    bench = await createBench({ config: { botToken: "xoxb-wrong" } });
    expect(bench.adapter.health()).toMatchObject([{ state: "failed" }]);
    expect(bench.sink.rows.size).toBe(0);
    expect(await failureOf(bench.adapter.send(bench.post("hello")))).toMatchObject({
      code: "CREDENTIAL_MISSING",
      delivery: "not_sent",
    });
  });

  test("that cannot be checked yet is tried again, and events wait for it", async () => {
    bench = await createBench({ startsLater: true, standIn: { delivery: { retryScale: 0.05 } } });
    bench.slack.faults.add({ kind: "status_before", method: "auth.test", times: 1 });
    await bench.adapter.start(bench.sink, new AbortController().signal);
    expect(bench.adapter.health()).toMatchObject([{ state: "connecting" }]);
    bench.slack.people.postAs(bench.person, bench.channel, "while it was not connected");
    await vi.waitUntil(() => bench.adapter.health()[0]?.state === "connected", { timeout: 10_000 });
    await bench.slack.deliveries.whenIdle({ timeoutMs: 20_000 });
    expect(bench.sink.people()).toHaveLength(1);
  }, 40_000);

  test("starting twice, stopping twice and aborting do no harm", async () => {
    bench = await createBench({ startsLater: true });
    const running = new AbortController();
    await bench.adapter.start(bench.sink, running.signal);
    await bench.adapter.start(bench.sink, running.signal);
    expect(bench.slack.requests.count("auth.test")).toBe(1);
    running.abort();
    await vi.waitUntil(() => bench.adapter.health().length === 0);
    await bench.adapter.stop();
    expect(await failureOf(bench.adapter.send(bench.post("hello")))).toMatchObject({
      code: "PLATFORM_UNAVAILABLE",
      delivery: "not_sent",
    });
  });
});
