import { afterEach, beforeEach, expect, it } from "vitest";
import type { Database } from "../../../src/ledger/connection/database.ts";
import { openPostgres } from "../../../src/ledger/connection/postgres.ts";
import { addSchedule } from "../../../src/ledger/schedules.ts";
import { until } from "../../support/app/slack-app.ts";
import { createRunFolder, type ParleyProcess, type RunFolder, startParley } from "../../support/parley/index.ts";
import { createTestDatabase } from "../../support/servers/shared-servers.ts";
import { createSlackStandIn, type SlackStandIn, type SmallWorkspace } from "../../support/slack/index.ts";

/** Two Parley processes on one ledger look at the same schedules. */

const START_MS = 120_000;
const TEST_MS = 400_000;
const PATIENT_MS = 60_000;
/** So many at one moment that both processes have some in hand at once. */
const SCHEDULES = 12;

let slack: SlackStandIn;
let space: SmallWorkspace;
let folder: RunFolder;
let ledger: Database;
let databaseUrl = "";
const processes: ParleyProcess[] = [];

beforeEach(async () => {
  slack = await createSlackStandIn({ delivery: { retryScale: 0.001 } });
  space = slack.setup.smallWorkspace({ channels: 1, users: 1, transport: "http" });
  folder = await createRunFolder({ echo: { speaksFirst: true, replyInThread: false } });
  databaseUrl = await createTestDatabase();
  ledger = await openPostgres({ databaseUrl });
});
afterEach(async () => {
  await Promise.all(processes.splice(0).map((one) => one.kill9()));
  await ledger.close();
  await slack.close();
  await folder.remove();
});

async function start(): Promise<ParleyProcess> {
  const started = await startParley({
    folder,
    databaseUrl,
    slack: { apiUrl: slack.apiUrl, botToken: space.bot.botToken, signingSecret: space.app.signingSecret },
    readyWithinMs: START_MS,
  });
  processes.push(started);
  return started;
}

const answersTo = (token: string): number =>
  slack.log.posts({ channel: space.channels[0] ?? "", by: "app" }).filter(({ text }) => text?.includes(token) === true)
    .length;

interface Fired {
  readonly task: string;
  readonly state: string;
  readonly firings: number;
  readonly events: number;
  readonly turns: number;
}

/** What became of the schedules whose task begins so. */
const fired = (prefix: string): Promise<readonly Fired[]> =>
  ledger.query<Fired>(
    {
      text: `select s.task, s.state, s.firings,
          (select count(*)::int from events e where e.kind = 'schedule_fired' and e.envelope->'body'->>'scheduleId' = s.id) as events,
          (select count(*)::int from turns t join events e on e.id = t.event_id where e.envelope->'body'->>'scheduleId' = s.id) as turns
        from schedules s where s.task like $1 || '%' order by s.task`,
    },
    [prefix],
  );

it(
  "fire each once while both look, and the one that is left goes on when the other is killed",
  async () => {
    const [channel = "", user = ""] = [space.channels[0], space.users[0]];
    const [first] = [await start(), await start()];
    slack.setup.configureApp(space.app.appId, { requestUrl: `${first.url}/slack/events` });
    slack.people.postAs(user, channel, `<@${space.bot.botUserId}> echo [#begin]`, {});
    await until(() => answersTo("[#begin]") === 1, PATIENT_MS);
    const [place] = await ledger.query<{ org: string; agent: string; conversation: string }>({
      text: "select t.organization_id as org, t.agent_id as agent, t.reply_conversation_id as conversation from turns t limit 1",
    });
    const plan = async (prefix: string, everyMs: number | null): Promise<void> => {
      for (let number = 0; number < SCHEDULES; number += 1)
        await addSchedule(ledger, {
          id: `sch_${prefix}_${number}`,
          organizationId: place?.org ?? "",
          agentId: place?.agent ?? "",
          conversationId: place?.conversation ?? "",
          turnId: null,
          requestedBy: user,
          requestedByName: "Somebody",
          task: `${prefix} [#${prefix}-${number}]`,
          everyMs,
          inMs: 3_600_000,
        });
      await ledger.query(
        { text: "update schedules set due_at = now() + interval '1 second' where task like $1 || '%'" },
        [prefix],
      );
    };
    const allSaid = (prefix: string): Promise<boolean> =>
      until(
        () => Array.from({ length: SCHEDULES }, (_, number) => answersTo(`[#${prefix}-${number}]`)).every((n) => n > 0),
        PATIENT_MS,
      );

    await plan("once", null);
    await allSaid("once");
    // Both have looked again since, several times.
    await until(async () => (await fired("once")).every(({ state }) => state === "done"), PATIENT_MS);
    await new Promise((resolve) => setTimeout(resolve, 6_000));
    const each = { state: "done", firings: 1, events: 1, turns: 1 };
    expect(await fired("once")).toEqual(Array.from({ length: SCHEDULES }, () => expect.objectContaining(each)));
    for (let number = 0; number < SCHEDULES; number += 1) expect(answersTo(`[#once-${number}]`)).toBe(1);

    await plan("left", 60_000);
    await first.kill9();
    await allSaid("left");
    await until(async () => (await fired("left")).every(({ firings }) => firings === 1), PATIENT_MS);
    const still = { state: "active", firings: 1, events: 1, turns: 1 };
    expect(await fired("left")).toEqual(Array.from({ length: SCHEDULES }, () => expect.objectContaining(still)));
    for (let number = 0; number < SCHEDULES; number += 1) expect(answersTo(`[#left-${number}]`)).toBe(1);
  },
  TEST_MS,
);
