import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { defineAgent } from "../../../agents/shared/agent-function.ts";
import { callApi } from "../../support/app/call-api.ts";
import { type SlackApp, startSlackApp, until } from "../../support/app/slack-app.ts";

let parley: SlackApp;
let token = "";
let broken = true;

beforeAll(async () => {
  const flaky = {
    name: "Flaky",
    connector: {
      kind: "function",
      run: defineAgent(async function* () {
        if (broken) throw new Error("not today");
        yield "all well now";
      }),
    },
  };
  parley = await startSlackApp([
    { ...flaky, handle: "flaky" },
    { ...flaky, handle: "other", channels: ["channel-*"] },
  ]);
  token = (JSON.parse(readFileSync(join(parley.dataFolder, "operator.json"), "utf8")) as { token: string }).token;
});
afterAll(() => parley.close());
beforeEach(() => {
  broken = true;
});

interface Verdict {
  readonly allowed: boolean;
  readonly rule: string;
  readonly does: string;
}

const api = <T>(method: string, path: string, body?: unknown) =>
  callApi<T>({ url: parley.url, token }, { method, path, body });

/** A question that failed, with its dead letter. */
async function fail(channel: string, agent = "flaky", user = parley.user): Promise<{ ts: string; letter: string }> {
  const { ts } = parley.slack.people.postAs(user, channel, parley.ask(agent, "how are you?"), {});
  const [row] = await until(async () => {
    const rows = await parley.ledger.query<{ id: string }>(
      {
        text: "select l.id from dead_letters l join turns t on t.id = l.turn_id where t.trigger_message_id = $1 and t.finished_at is not null",
      },
      [ts],
    );
    return rows.length === 1 ? rows : undefined;
  });
  return { ts, letter: row?.id ?? "" };
}

const dryRun = async (letter: string): Promise<Verdict> =>
  (await api<Verdict>("GET", `/api/dead-letters/${letter}/replay`)).body;

interface Refusal {
  readonly dryRun: string;
  readonly replay: string;
  readonly state: string;
  readonly isAudited: boolean;
  readonly newPosts: number;
}

/** The dry run and the real replay name the same rule; the letter stays open, nothing is posted, and the refusal is in the audit log. */
const refusedBy = (rule: string): Refusal => ({
  dryRun: rule,
  replay: rule,
  state: "open",
  isAudited: true,
  newPosts: 0,
});

async function tryReplay(failed: { ts: string; letter: string }, channel: string): Promise<Refusal> {
  const posts = (): number => parley.slack.log.posts({ channel, thread: failed.ts, by: "app" }).length;
  const before = posts();
  const verdict = await dryRun(failed.letter);
  const replay = await api<{ error?: { detail: string } }>("POST", `/api/dead-letters/${failed.letter}/replay`);
  const { body: after } = await api<{ state: string }>("GET", `/api/dead-letters/${failed.letter}`);
  const denied = await parley.ledger.query<{ entries: string }>({
    text: 'select entries from audit_log where entries::jsonb @> \'[{"what": "denied", "action": "replay"}]\'',
  });
  return {
    dryRun: verdict.allowed ? "allowed" : verdict.rule,
    replay: /\((\w+)\)$/.exec(replay.body.error?.detail ?? "")?.[1] ?? `status ${replay.status}`,
    state: after.state,
    isAudited: denied.some((row) => row.entries.includes(failed.letter)),
    newPosts: posts() - before,
  };
}

it("says what a replay would do, changes nothing by saying so, and does it", async () => {
  const failed = await fail(parley.channel);
  broken = false;
  const verdict = await dryRun(failed.letter);
  expect(verdict).toMatchObject({ allowed: true, rule: "replayed_under_todays_rights" });
  expect(verdict.does).toContain("asks the agent again");
  expect(parley.slack.log.posts({ thread: failed.ts, by: "app" })).toHaveLength(1);
  expect((await api("POST", `/api/dead-letters/${failed.letter}/replay`)).status).toBe(200);
  await until(() => parley.slack.log.posts({ thread: failed.ts, by: "app" }).length === 2);
  expect(await dryRun(failed.letter)).toMatchObject({ allowed: false, rule: "already_replayed" });
});

it("is stopped by a paused and by a stopped agent, and by a stopped organization", async () => {
  const failed = await fail(parley.channel);
  await api("POST", "/api/agents/flaky/pause");
  expect(await tryReplay(failed, parley.channel)).toEqual(refusedBy("agent_paused"));
  await api("POST", "/api/agents/flaky/stop", { reason: "test" });
  expect(await tryReplay(failed, parley.channel)).toEqual(refusedBy("agent_stopped"));
  await api("POST", "/api/organization/stop", { reason: "test" });
  expect(await tryReplay(failed, parley.channel)).toEqual(refusedBy("organization_stopped"));
  await api("POST", "/api/organization/resume");
  await api("POST", "/api/agents/flaky/resume");
  expect(await dryRun(failed.letter)).toMatchObject({ allowed: true });
});

it("is stopped by a deleted question", async () => {
  const failed = await fail(parley.channel);
  parley.slack.people.deleteAs(parley.user, parley.channel, failed.ts);
  await until(async () => (await dryRun(failed.letter)).rule === "message_deleted");
  expect(await tryReplay(failed, parley.channel)).toEqual(refusedBy("message_deleted"));
});

it("is stopped where who asked has left", async () => {
  const channel = parley.space.channels[1] ?? "";
  const leaver = parley.space.users[1] ?? "";
  const failed = await fail(channel, "flaky", leaver);
  parley.slack.people.leave(leaver, channel);
  await until(async () => (await dryRun(failed.letter)).rule === "asker_left");
  expect(await tryReplay(failed, channel)).toEqual(refusedBy("asker_left"));
});

it("is stopped where the agent is no longer invited", async () => {
  const failed = await fail(parley.channel, "other");
  await parley.ledger.query({
    text: `update agents set definition = jsonb_set(definition, '{channels}', '["elsewhere"]'), revision = revision + 1 where handle = 'other'`,
  });
  await parley.ledger.query({ text: "select pg_notify('parley_agents', '')" });
  await until(async () => (await dryRun(failed.letter)).rule === "agent_not_in_channel");
  expect(await tryReplay(failed, parley.channel)).toEqual(refusedBy("agent_not_in_channel"));
  await parley.ledger.query({ text: "update agents set removed_at = now() where handle = 'other'" });
  await parley.ledger.query({ text: "select pg_notify('parley_agents', '')" });
  await until(async () => (await dryRun(failed.letter)).rule === "agent_removed");
  expect(await tryReplay(failed, parley.channel)).toEqual(refusedBy("agent_removed"));
});

it("is stopped where the channel was left or archived", async () => {
  const channel = parley.space.channels[2] ?? "";
  const failed = await fail(channel);
  parley.slack.people.kick(parley.user, channel, parley.space.bot.botUserId);
  await until(async () => (await dryRun(failed.letter)).rule === "identity_not_in_channel");
  expect(await tryReplay(failed, channel)).toEqual(refusedBy("identity_not_in_channel"));
});
