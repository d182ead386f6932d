import { afterAll, beforeAll, expect, it } from "vitest";
import { openDatabase } from "../../../src/ledger/connection/open-database.ts";
import { until } from "../../support/app/slack-app.ts";
import { createRunFolder, type ParleyProcess, type RunFolder, startParley } from "../../support/parley/index.ts";
import { createTestDatabase } from "../../support/servers/shared-servers.ts";
import { createSlackStandIn, type SlackStandIn, type SmallWorkspace, signature } from "../../support/slack/index.ts";

/** Security rule R11: a request that was good once does nothing a second time, wherever and however it comes again. */

const START_MS = 120_000;
let slack: SlackStandIn;
let space: SmallWorkspace;
let folder: RunFolder;
let databaseUrl: string;
const processes: ParleyProcess[] = [];

beforeAll(async () => {
  slack = await createSlackStandIn();
  space = slack.setup.smallWorkspace({ channels: 1, users: 1, transport: "http" });
  folder = await createRunFolder();
  databaseUrl = await createTestDatabase();
  processes.push(await start(), await start());
}, 2 * START_MS);
afterAll(async () => {
  await Promise.all(processes.map((one) => one.kill9()));
  await slack.close();
  await folder.remove();
});

function start(): Promise<ParleyProcess> {
  return startParley({
    folder,
    databaseUrl,
    slack: { apiUrl: slack.apiUrl, botToken: space.bot.botToken, signingSecret: space.app.signingSecret },
    readyWithinMs: START_MS,
  });
}

/** What Slack would send of a question that stands there; nobody but this test delivers it. */
function question(id: string): string {
  const [channel = "", user = ""] = [space.channels[0], space.users[0]];
  const text = `<@${space.bot.botUserId}> echo [#${id}]`;
  const { ts } = slack.people.postAs(user, channel, text);
  return JSON.stringify({
    token: "x",
    team_id: space.team.id,
    api_app_id: space.app.appId,
    type: "event_callback",
    event_id: id,
    event_time: Math.floor(Number(ts)),
    authorizations: [{ team_id: space.team.id, user_id: space.bot.botUserId, is_bot: true }],
    event: {
      type: "message",
      channel,
      channel_type: "channel",
      user,
      team: space.team.id,
      text,
      ts,
      event_ts: ts,
    },
  });
}

interface Signed {
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

function sign(body: string, ageS = 0): Signed {
  const timestamp = Math.floor(Date.now() / 1_000) - ageS;
  return {
    body,
    headers: {
      "content-type": "application/json",
      "x-slack-request-timestamp": String(timestamp),
      "x-slack-signature": signature(space.app.signingSecret, timestamp, body),
    },
  };
}

const send = async ({ url }: ParleyProcess, { body, headers }: Signed): Promise<number> =>
  (await fetch(`${url}/slack/events`, { method: "POST", body, headers })).status;

async function counts(id: string): Promise<{ events: number; turns: number; posts: number }> {
  const database = await openDatabase({ dataFolder: "unused", databaseUrl });
  try {
    const [row] = await database.query<{ events: number; turns: number }>(
      {
        text: `select count(distinct e.id)::int as events, count(distinct t.id)::int as turns from events e
          left join turns t on t.event_id = e.id where e.envelope::text like '%' || $1 || '%'`,
      },
      [`[#${id}]`],
    );
    const posts = slack.log.posts({ by: "app" }).filter(({ text = "" }) => text.includes(`[#${id}]`)).length;
    return { events: row?.events ?? -1, turns: row?.turns ?? -1, posts };
  } finally {
    await database.close();
  }
}

it("R11: one request replayed at once, rewritten, at a second process and after a restart is one turn", {
  timeout: 2 * START_MS,
}, async () => {
  const [first, second] = processes as [ParleyProcess, ParleyProcess]; // started by beforeAll
  const good = sign(question("EvReplay"));
  const { "x-slack-signature": mac = "", "x-slack-request-timestamp": at = "" } = good.headers;
  const base64 = Buffer.from(mac.slice(3), "hex").toString("base64");
  const rewritten: readonly Signed[] = [
    mac.toUpperCase(),
    `V0=${mac.slice(3)}`,
    `v0=${mac.slice(3).toUpperCase()}`,
    `v0=${base64}`,
    `v0=${base64.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "")}`,
    `${mac},${mac}`,
    `${mac}0`,
    mac.slice(0, -1),
    mac.slice(3),
  ].map((spelled) => ({ ...good, headers: { ...good.headers, "x-slack-signature": spelled } }));
  const changed: readonly Signed[] = [
    { ...good, body: `${good.body} ` },
    { ...good, body: `${good.body}\n` },
    { ...good, body: JSON.stringify(JSON.parse(good.body), undefined, 1) },
    { ...good, headers: { ...good.headers, "x-slack-request-timestamp": `0${at}` } },
    { ...good, headers: { ...good.headers, "x-slack-request-timestamp": `${at}.0` } },
    { ...good, headers: { ...good.headers, "x-slack-request-timestamp": String(Number(at) + 1) } },
  ];
  expect(await Promise.all([send(first, good), send(first, good), send(second, good)])).toEqual([200, 200, 200]);
  await until(async () => (await counts("EvReplay")).posts > 0, 60_000);
  for (const one of [...rewritten, ...changed]) expect([one, await send(second, one)]).toEqual([one, 401]);
  // Blanks around a header are no part of it (RFC 9110, section 5.5), so that this is the same request once more.
  const blank = { ...good, headers: { ...good.headers, "x-slack-signature": ` ${mac} ` } };
  expect(await send(second, blank)).toBe(200);
  // Signed anew, as Slack does when it comes again, in another form of the same JSON.
  expect(await send(second, sign(JSON.stringify(JSON.parse(good.body), undefined, 1)))).toBe(200);
  await first.kill9();
  processes[0] = await start();
  expect(await send(processes[0], good)).toBe(200);
  expect(await send(processes[0], sign(good.body))).toBe(200);
  // What came last is through when a question that came after it is answered.
  expect(await send(processes[0], sign(question("EvAfter")))).toBe(200);
  await until(async () => (await counts("EvAfter")).posts > 0, 60_000);
  expect(await counts("EvReplay")).toEqual({ events: 1, turns: 1, posts: 1 });
});

it("R11: takes what was signed up to 300 s ago or ahead, and nothing beyond", { timeout: 60_000 }, async () => {
  const [, second] = processes as [ParleyProcess, ParleyProcess]; // started by beforeAll
  // A few seconds for the way of the request on a busy machine; test/unit/slack/edges.test.ts is exact, with a clock of its own.
  const ages = { 296: 200, [-299]: 200, 302: 401, [-306]: 401, 3600: 401 };
  for (const [n, [ageS, status]] of Object.entries(ages).entries()) {
    const body = question(`EvAge${n}`);
    expect([ageS, await send(second, sign(body, Number(ageS)))]).toEqual([ageS, status]);
  }
});
