import { afterEach, beforeEach, expect, it } from "vitest";
import { CLOSE_CODES } from "../../../src/contracts/dial-in-protocol.ts";
import { DialInAgent, type DialInAgentOptions } from "../../support/agents/dial-in-agent.ts";
import { callApi } from "../../support/app/call-api.ts";
import { until } from "../../support/app/slack-app.ts";
import { createRunFolder, type ParleyProcess, type RunFolder, startParley } from "../../support/parley/index.ts";
import { createTestDatabase } from "../../support/servers/shared-servers.ts";
import { createSlackStandIn, type SlackStandIn, type SmallWorkspace } from "../../support/slack/index.ts";

const OPERATOR = "prl_op_uQ7cVn3xK9wRt5Zb2mLd8Hs4Jf6Pg1Ya";
const START_MS = 120_000;

let slack: SlackStandIn;
let space: SmallWorkspace;
let folder: RunFolder;
let databaseUrl: string;
const processes: ParleyProcess[] = [];
const agents: DialInAgent[] = [];

beforeEach(async () => {
  slack = await createSlackStandIn({ delivery: { retryScale: 0.001 } });
  space = slack.setup.smallWorkspace({ channels: 1, users: 1, transport: "http" });
  folder = await createRunFolder({
    agents: [{ handle: "caller", name: "Caller", connector: { kind: "socket" }, historyMessages: 0 }],
  });
  databaseUrl = await createTestDatabase();
});
afterEach(async () => {
  for (const agent of agents.splice(0)) agent.drop();
  await Promise.all(processes.splice(0).map((one) => one.kill9()));
  await slack.close();
  await folder.remove();
});

async function start(roles?: readonly ("ingest" | "worker" | "delivery")[]): Promise<ParleyProcess> {
  const started = await startParley({
    folder,
    databaseUrl,
    ...(roles && { roles }),
    slack: { apiUrl: slack.apiUrl, botToken: space.bot.botToken, signingSecret: space.app.signingSecret },
    env: { PARLEY_TOKEN: OPERATOR },
    readyWithinMs: START_MS,
  });
  processes.push(started);
  return started;
}

async function tokenFrom({ url }: ParleyProcess): Promise<string> {
  const request = { method: "POST", path: "/api/agents/caller/token" };
  const { body } = await callApi<{ secret: string }>({ url, token: OPERATOR }, request);
  return body.secret;
}

async function dial({ url }: ParleyProcess, options: DialInAgentOptions): Promise<DialInAgent> {
  const agent = await DialInAgent.dial(url, options);
  agents.push(agent);
  return agent;
}

function listenTo({ url }: ParleyProcess): void {
  slack.setup.configureApp(space.app.appId, { requestUrl: `${url}/slack/events` });
}

function ask(text: string): string {
  const [channel = ""] = space.channels;
  const [user = ""] = space.users;
  return slack.people.postAs(user, channel, `<@${space.bot.botUserId}> caller ${text}`, {}).ts;
}

function answers(thread: string): string[] {
  const [channel = ""] = space.channels;
  return slack.core
    .channel(channel)
    .messages.filter(
      ({ author, threadTs, deleted }) => author.botId === space.bot.botId && threadTs === thread && !deleted,
    )
    .map((message) => message.text.trim());
}

it("answers where the agent is connected, whichever process hears the question; the newer connection wins over both", async () => {
  const [a, b] = [await start(), await start()];
  listenTo(a);
  const token = await tokenFrom(a);
  const onB = await dial(b, { token, onTurn: (turn, on) => on.answer(turn, "from b") });
  const first = ask("where are you?");
  await until(() => answers(first).length > 0, 20_000);
  expect(answers(first)).toEqual(["from b"]);

  const onA = await dial(a, { token, onTurn: (turn, on) => on.answer(turn, "from a") });
  expect(await onB.closed).toMatchObject({ code: CLOSE_CODES.replaced });
  expect(onB.of("error")).toMatchObject([{ code: "replaced" }]);
  const second = ask("and now?");
  await until(() => answers(second).length > 0, 20_000);
  expect(answers(second)).toEqual(["from a"]);

  // In the middle of a turn the agent goes to the other process: the turn follows it.
  const torn = await dial(a, { token, onTurn: (turn, on) => on.accept(turn) });
  await onA.closed;
  const third = ask("stay a while");
  await torn.until(() => torn.open.size === 1);
  const moved = await dial(b, { token, onTurn: (turn, on) => on.answer(turn, `attempt ${turn.turn.attempt}`) });
  expect(await torn.closed).toMatchObject({ code: CLOSE_CODES.replaced });
  await until(() => answers(third).length > 0, 30_000);
  expect(answers(third)).toEqual(["attempt 2"]);
  expect(moved.isGone).toBe(false);

  const ingest = await start(["ingest", "delivery"]);
  await expect(DialInAgent.connect(ingest.url, { token })).rejects.toThrow("503");
}, 240_000);

it("loses nothing when the process is killed in the middle of a turn, and answers once", async () => {
  const [a, b] = [await start(), await start()];
  listenTo(a);
  const token = await tokenFrom(a);
  const onA = await dial(a, {
    token,
    onTurn(turn, on) {
      on.accept(turn);
      on.event(turn.turn.turnId, { type: "text_delta", markdown: "half of " });
    },
  });
  const thread = ask("a question that outlives a process");
  await onA.until(() => onA.open.size === 1);
  const turns = [...onA.open].map(([turnId, { attempt, sent }]) => ({ turnId, attempt, sent }));
  await a.kill9();
  await onA.closed;
  const onB = await dial(b, { token, hello: { turns }, onTurn: (turn, on) => on.answer(turn, "a whole answer") });
  expect(onB.welcome?.turns).toMatchObject([{ state: "ended" }]);
  await until(() => answers(thread).some((text) => text === "a whole answer"), 40_000);
  expect(answers(thread)).toEqual(["a whole answer"]);
  expect(onB.of("turn_start").map(({ turn }) => turn.attempt)).toEqual([2]);
}, 240_000);
