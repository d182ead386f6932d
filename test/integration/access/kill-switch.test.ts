import { afterAll, beforeAll, expect, it } from "vitest";
import type { Database } from "../../../src/ledger/connection/database.ts";
import { openPostgres } from "../../../src/ledger/connection/postgres.ts";
import { until } from "../../support/app/slack-app.ts";
import { createRunFolder, type ParleyProcess, type RunFolder, startParley } from "../../support/parley/index.ts";
import { freePort } from "../../support/servers/free-port.ts";
import { createTestDatabase } from "../../support/servers/shared-servers.ts";
import { createSlackStandIn, type SlackStandIn, type SmallWorkspace } from "../../support/slack/index.ts";

const TOKEN = "prl_op_a-token-of-a-test-run-that-opens-nothing-else-0123456789";
/** What is allowed between the switch and the last call, and what it is on a machine that is busy with all other tests, in ms. */
const ALLOWED_MS = 5_000;
const BUSY_MS = 2_000;
const WRITES =
  /^(chat\.(postMessage|update|delete|startStream|appendStream|stopStream|postEphemeral)|reactions\.|files\.|assistant\.)/;

let slack: SlackStandIn;
let space: SmallWorkspace;
let folder: RunFolder;
let ledger: Database;
const processes: ParleyProcess[] = [];
let token = 0;
let flooding = true;
let flood: Promise<void> = Promise.resolve();

/** Channels in which @echo is asked, and one for @calm. */
const echoChannels = (): string[] => space.channels.slice(0, 6);
const calmChannel = (): string => space.channels[6] ?? "";

beforeAll(async () => {
  const port = await freePort();
  slack = await createSlackStandIn({ delivery: { retryScale: 0.001 } });
  space = slack.setup.smallWorkspace({
    channels: 8,
    users: 3,
    requestUrl: `http://127.0.0.1:${port}/slack/events`,
  });
  const echo = new URL("../../support/parley/agents/echo.ts", import.meta.url).href;
  folder = await createRunFolder({
    agents: [{ handle: "calm", name: "Calm", connector: { kind: "function", module: echo } }],
  });
  const databaseUrl = await createTestDatabase();
  const common = {
    folder,
    databaseUrl,
    slack: {
      apiUrl: slack.apiUrl,
      botToken: space.bot.botToken,
      signingSecret: space.app.signingSecret,
      // As in life: one message a second and channel, so that a lot waits to be sent.
      pacing: "on" as const,
    },
    env: { PARLEY_TOKEN: TOKEN },
  };
  processes.push(await startParley({ ...common, port }));
  processes.push(await startParley({ ...common, roles: ["worker", "delivery"] }));
  ledger = await openPostgres({ databaseUrl });
});
afterAll(async () => {
  flooding = false;
  await flood;
  await Promise.all(processes.map((one) => one.stop()));
  await ledger?.close();
  await slack?.close();
  await folder?.remove();
});

async function api<T>(method: string, path: string, body?: unknown): Promise<{ status: number; body: T }> {
  // The second process: what runs in the first must hear of it.
  const response = await fetch(`${processes[1]?.url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${TOKEN}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as T };
}

function ask(agent: string, channel: string, extra: string): { ts: string; token: string } {
  token += 1;
  const mark = `[#${agent}-${token}]`;
  const user = space.users[token % space.users.length] ?? "";
  const { ts } = slack.people.postAs(user, channel, `<@${space.bot.botUserId}> ${agent} ${mark} ${extra}`, {});
  return { ts, token: mark };
}

/** Many questions at a time, some of which are thought about for long, so that turns run, queue, show previews and wait to be sent when the switch is thrown. */
function startFlood(): void {
  flooding = true;
  flood = (async () => {
    for (let n = 0; flooding; n += 1) {
      const channel = echoChannels()[n % echoChannels().length] ?? "";
      ask("echo", channel, n % 3 === 0 ? "wait=1500" : "parts=2");
      if (n % 50 === 0) ask("calm", calmChannel(), "");
      await new Promise((resolve) => setTimeout(resolve, 40));
    }
  })();
}

/** Calls that write, to these channels, that started after the commit of the newest switch of this rule. */
async function callsAfter(rule: string, channels: readonly string[]): Promise<number[]> {
  const [row] = await ledger.query<{ at: number }>(
    {
      text: "select (extract(epoch from max(at)) * 1000)::float8 as at from audit_log where entries::jsonb @> jsonb_build_array(jsonb_build_object('what', 'switch', 'rule', $1::text))",
    },
    [rule],
  );
  const at = row?.at ?? Number.NaN;
  expect(at).not.toBeNaN();
  return slack.requests.entries
    .filter((entry) => WRITES.test(entry.method) && entry.channel !== undefined && channels.includes(entry.channel))
    .map((entry) => entry.startedAt - at)
    .filter((afterMs) => afterMs > 0);
}

const posted = (channel: string, text: string): boolean =>
  slack.log.posts({ channel, by: "app", textIncludes: text }).length > 0;
const sleepPast = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

it("stops an agent under a flood in every process, and nobody else", { timeout: 120_000 }, async () => {
  startFlood();
  await until(() => slack.log.posts({ by: "app" }).length > 30, 60_000);
  await until(
    async () =>
      (
        await ledger.query<{ running: number; unsent: number }>({
          text: `select (select count(*)::int from turns t join agents a on a.id = t.agent_id where a.handle = 'echo' and t.state = 'running') as running,
            (select count(*)::int from deliveries d join agents a on a.id = d.agent_id where a.handle = 'echo' and d.state in ('pending', 'sending')) as unsent`,
        })
      ).some((row) => row.running > 2 && row.unsent > 2),
    60_000,
  );
  const stopped = await api<{ agent: { status: string }; stoppedTurns: number; cancelledDeliveries: number }>(
    "POST",
    "/api/agents/echo/stop",
    { reason: "it floods" },
  );
  expect(stopped).toMatchObject({ status: 200, body: { agent: { status: "stopped" } } });
  expect(stopped.body.stoppedTurns).toBeGreaterThan(0);
  // The flood goes on for longer than the switch may take.
  await sleepPast(ALLOWED_MS + 3_000);
  const late = await callsAfter("agent_stopped", echoChannels());
  expect(late.filter((afterMs) => afterMs > ALLOWED_MS)).toEqual([]);
  expect(late.filter((afterMs) => afterMs > BUSY_MS)).toEqual([]);
  const elsewhere = space.channels[7] ?? "";
  const { token: mark } = ask("calm", elsewhere, "");
  await until(() => posted(elsewhere, mark), 30_000);
  const open = await ledger.query({
    text: "select t.id, t.state from turns t join agents a on a.id = t.agent_id where a.handle = 'echo' and t.finished_at is null",
  });
  expect(open).toEqual([]);
  const events = await ledger.query({
    text: "select id from events e where finished_at is null and not is_pending and not exists (select 1 from turns t where t.event_id = e.id and t.finished_at is null)",
  });
  expect(events).toEqual([]);
});

it("refuses what would make a stopped agent speak, and says what to do", async () => {
  const sent = await api<{ error: { code: string; detail: string } }>("POST", "/api/send", {
    agent: "echo",
    to: `slack:${echoChannels()[0]}`,
    text: "hello",
  });
  expect(sent.status).toBe(403);
  expect(sent.body.error.detail).toMatch(/agent_stopped.*parley agents resume echo/);
  const paused = await api<{ error: { detail: string } }>("POST", "/api/agents/echo/pause");
  expect(paused).toMatchObject({ status: 409, body: { error: { detail: expect.stringContaining("is stopped") } } });
});

it("lets it work again, without answering what it was asked meanwhile", { timeout: 60_000 }, async () => {
  flooding = false;
  await flood;
  const channel = echoChannels()[0] ?? "";
  const meanwhile = ask("echo", channel, "");
  await until(
    async () =>
      (
        await ledger.query(
          { text: "select 1 from events where envelope->'body'->>'messageId' = $1 and state = 'dropped'" },
          [meanwhile.ts],
        )
      ).length === 1,
  );
  const resumed = await api("POST", "/api/agents/echo/resume");
  expect(resumed).toMatchObject({ status: 200, body: { agent: { status: "active" } } });
  const next = ask("echo", channel, "");
  await until(() => posted(channel, next.token), 30_000);
  expect(posted(channel, meanwhile.token)).toBe(false);
});

it("stops a whole organization under a flood; what is said meanwhile waits", { timeout: 120_000 }, async () => {
  startFlood();
  await sleepPast(4_000);
  const stopped = await api<{ status: string; reason: string }>("POST", "/api/organization/stop", {
    reason: "an incident",
  });
  expect(stopped).toMatchObject({ status: 200, body: { status: "stopped", reason: "an incident" } });
  await sleepPast(ALLOWED_MS + 3_000);
  flooding = false;
  await flood;
  const late = await callsAfter("organization_stopped", space.channels);
  expect(late.filter((afterMs) => afterMs > ALLOWED_MS)).toEqual([]);
  expect(late.filter((afterMs) => afterMs > BUSY_MS)).toEqual([]);
  // A write that was under way when it was called off is looked for on the platform before its turn ends.
  const open = () =>
    ledger.query({ text: "select id, state, cancel_requested, reason from turns where finished_at is null" });
  await expect.poll(open, { timeout: 40_000, interval: 250 }).toEqual([]);
  const sent = await api<{ error: { detail: string } }>("POST", "/api/send", {
    agent: "calm",
    to: `slack:${calmChannel()}`,
    text: "hello",
  });
  expect(sent.status).toBe(403);
  expect(sent.body.error.detail).toMatch(/organization_stopped.*parley organization resume/);
  expect(await api("GET", "/api/organization")).toMatchObject({ body: { status: "stopped", reason: "an incident" } });
});

it("answers after the resume what is younger than the answer age, and nothing older", { timeout: 60_000 }, async () => {
  const channel = space.channels[7] ?? "";
  const [young, old] = [ask("calm", channel, ""), ask("calm", channel, "")];
  const pending = async (ts: string) =>
    await ledger.query<{ id: string }>(
      { text: "select id from events where envelope->'body'->>'messageId' = $1 and is_pending" },
      [ts],
    );
  const [event] = await until(async () => {
    const rows = await pending(old.ts);
    return rows.length === 1 && (await pending(young.ts)).length === 1 ? rows : undefined;
  });
  await ledger.query({ text: "update events set occurred_at = now() - interval '31 minutes' where id = $1" }, [
    event?.id,
  ]);
  expect(await api("POST", "/api/organization/resume")).toMatchObject({ status: 200, body: { status: "active" } });
  await until(() => posted(channel, young.token), 45_000);
  const [ended] = await ledger.query<{ state: string; state_reason: string }>(
    { text: "select state, state_reason from events where id = $1" },
    [event?.id],
  );
  expect(ended).toEqual({ state: "expired", state_reason: "older_than_answer_age" });
  expect(posted(channel, old.token)).toBe(false);
});

it("has every switch in the audit log, with who threw it and why", async () => {
  const rows = await ledger.query<{ entries: string }>({
    text: 'select entries from audit_log where entries::jsonb @> \'[{"what": "switch"}]\' order by xact, id',
  });
  const entries = rows.flatMap((row) => JSON.parse(row.entries) as { rule: string; by: string; reason: string }[]);
  expect(entries.map(({ rule, by, reason }) => [rule, by, reason])).toEqual([
    ["agent_stopped", "operator", "it floods"],
    ["agent_resumed", "operator", ""],
    ["organization_stopped", "operator", "an incident"],
    ["organization_resumed", "operator", ""],
  ]);
});
