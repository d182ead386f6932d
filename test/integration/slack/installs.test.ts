import { request } from "undici";
import { afterEach, describe, expect, test, vi } from "vitest";
import { slackManifest } from "../../../adapters/slack/manifest.ts";
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

describe("tokens that expire", () => {
  const rotating = async (tokenLifetimeS: number): Promise<string> => {
    bench = await createBench({ oauth: true, standIn: { tokenLifetimeS } });
    bench.slack.setup.configureApp(bench.workspace.app.appId, { tokenRotation: true });
    await install({ teamId: bench.workspace.team.id });
    return `inst-${bench.workspace.team.id}`;
  };
  const again = async (): Promise<void> => {
    await bench.adapter.stop();
    await bench.adapter.start(bench.sink, new AbortController().signal);
  };
  /** Without the exchange of the code of the install. */
  const refreshes = (): number => bench.slack.requests.count("oauth.v2.access") - 1;

  test("are stored with their refresh token, and exchanged before their end", async () => {
    const id = await rotating(1_800);
    const first = bench.sink.rows.get(id);
    expect(Object.keys(first?.secrets ?? {}).sort()).toEqual(["botToken", "refreshToken"]);
    const expiresAt = first?.settings["tokenExpiresAt"];
    expect(typeof expiresAt === "string" ? Date.parse(expiresAt) - Date.now() : 0).toBeGreaterThan(1_700_000);
    await again();
    const second = bench.sink.rows.get(id);
    expect(second?.secrets["botToken"]).not.toBe(first?.secrets["botToken"]);
    expect(second?.secrets["refreshToken"]).not.toBe(first?.secrets["refreshToken"]);
    expect(second?.settings["botUserId"]).toBe(first?.settings["botUserId"]);
    await bench.adapter.send(bench.post("hello"));
    expect(bench.slack.log.posts({ by: "app" })).toHaveLength(1);
  });

  test("that have long to live are left alone", async () => {
    await rotating(43_200);
    await again();
    expect(refreshes()).toBe(0);
  });

  test("that ended unseen are exchanged once for all calls that find it out, and nothing is paused", async () => {
    const id = await rotating(43_200);
    bench.slack.gestures.expireToken(bench.workspace.team.id);
    const found = await Promise.allSettled(
      [1, 2, 3, 4, 5].map((n) => bench.adapter.send(bench.post(`${n}`, { idempotencyKey: `k${n}` }))),
    );
    // Certainly not sent and soon worth another try, which the pipeline makes.
    const failures = found.filter((one) => one.status === "rejected");
    expect(failures.length).toBeGreaterThan(0);
    for (const { reason } of failures)
      expect(reason).toMatchObject({ code: "PLATFORM_UNAVAILABLE", delivery: "not_sent" });
    expect(refreshes()).toBe(1);
    expect(bench.sink.rows.get(id)?.status).toBe("active");
    await bench.adapter.send(bench.post("hello"));
    expect(bench.slack.log.posts({ by: "app" })).toHaveLength(6 - failures.length);
  });

  test("that ended unseen keep calls waiting while Slack cannot exchange them, and nothing is paused", async () => {
    const id = await rotating(43_200);
    bench.slack.gestures.expireToken(bench.workspace.team.id);
    bench.slack.faults.add({ kind: "status_before", method: "oauth.v2.access", times: 1 });
    for (const n of [1, 2, 3])
      expect(await failureOf(bench.adapter.send(bench.post(`${n}`, { idempotencyKey: `k${n}` })))).toMatchObject({
        code: "PLATFORM_UNAVAILABLE",
        delivery: "not_sent",
      });
    expect(bench.slack.requests.count("chat.postMessage")).toBe(1);
    expect(bench.sink.rows.get(id)?.status).toBe("active");
    await vi.waitUntil(() => bench.adapter.health()[0]?.state === "connected", { timeout: 25_000, interval: 200 });
    await bench.adapter.send(bench.post("hello"));
  }, 40_000);

  test("that were exchanged while the ledger was away are stored when it is back", async () => {
    const id = await rotating(1_800);
    const first = bench.sink.rows.get(id);
    bench.sink.installationFailures = 2;
    await again();
    expect(bench.sink.rows.get(id)?.secrets["botToken"]).not.toBe(first?.secrets["botToken"]);
    expect(refreshes()).toBe(1);
    await bench.adapter.send(bench.post("hello"));
  });

  test("whose refresh token is dead pause the installation, and a new install brings it back", async () => {
    const id = await rotating(1_800);
    const row = bench.sink.rows.get(id);
    if (row === undefined) throw new Error("not installed");
    bench.sink.rows.set(id, { ...row, secrets: { ...row.secrets, refreshToken: "xoxe-1-used" } });
    await again();
    expect(bench.adapter.health()).toMatchObject([
      { state: "paused", detail: expect.stringContaining("install the app again") },
    ]);
    expect(bench.sink.rows.get(id)?.status).toBe("paused");
    await install({ teamId: bench.workspace.team.id });
    expect(bench.adapter.health()).toMatchObject([{ state: "connected" }]);
  });

  test("are asked for by the manifest when it is told to", () => {
    const rotation = (tokenRotation: boolean) =>
      slackManifest({ mode: "http", publicUrl: "https://parley.example.org", tokenRotation })["settings"];
    expect(rotation(true)).toMatchObject({ token_rotation_enabled: true });
    expect(rotation(false)).toMatchObject({ token_rotation_enabled: false });
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
