import { afterEach, describe, expect, it } from "vitest";
import { approvalActionId } from "../../../adapters/slack/actions.ts";
import { until } from "../../support/app/slack-app.ts";
import { createRunFolder, type ParleyProcess, type StopPoint, startParley } from "../../support/parley/index.ts";
import { freePort } from "../../support/servers/index.ts";
import { createTestDatabase } from "../../support/servers/shared-servers.ts";
import { createSlackStandIn } from "../../support/slack/index.ts";

const TEST_MS = 240_000;
const PATIENT_MS = 60_000;
/** At which moments a process is killed: the question is stored, the choice is being decided, is decided, is being shown. */
const KILLS: readonly {
  readonly words: "live" | "ask";
  readonly stop: StopPoint;
  readonly ledger: "postgres" | "pglite";
}[] = [
  { words: "live", stop: { at: "sql:ask_in_turn", when: "after" }, ledger: "postgres" },
  { words: "live", stop: { at: "sql:decide_request", when: "before" }, ledger: "postgres" },
  { words: "live", stop: { at: "sql:decide_request", when: "after" }, ledger: "pglite" },
  { words: "ask", stop: { at: "sql:commit_replies", when: "after" }, ledger: "pglite" },
  { words: "ask", stop: { at: "sql:decide_request", when: "after" }, ledger: "postgres" },
  { words: "ask", stop: { at: "send", when: "during", nth: 3 }, ledger: "postgres" },
];

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
}, 60_000);

describe("kill -9", () => {
  it.each(KILLS)(
    "at $stop.at, $stop.when, loses no question and makes no decision twice ($words, $ledger)",
    async ({ words, stop, ledger }) => {
      const slack = await createSlackStandIn({ delivery: { retryScale: 0.001 } });
      ends.push(() => slack.close());
      const space = slack.setup.smallWorkspace({ channels: 1, users: 2, transport: "http" });
      const [channel = "", user = ""] = [space.channels[0], space.users[0]];
      const folder = await createRunFolder({
        agents: [
          {
            handle: "asker",
            name: "Asker",
            connector: { kind: "function", module: new URL("./asking-agent.ts", import.meta.url).href },
            replyInThread: false,
          },
        ],
      });
      ends.push(() => folder.remove());
      const port = await freePort();
      const common = {
        folder,
        port,
        slack: { apiUrl: slack.apiUrl, botToken: space.bot.botToken, signingSecret: space.app.signingSecret },
        ...(ledger === "postgres" ? { databaseUrl: await createTestDatabase() } : {}),
        env: { PARLEY_DATA: folder.dataFolder },
      };
      const start = async (point?: StopPoint): Promise<ParleyProcess> => {
        const started = await startParley({ ...common, ...(point === undefined ? {} : { stop: point }) });
        ends.push(() => started.stop());
        return started;
      };
      slack.setup.configureApp(space.app.appId, { requestUrl: `http://127.0.0.1:${port}/slack/events` });
      const shown = (): readonly string[] =>
        slack.core
          .channel(channel)
          .messages.filter((message) => message.author.botId === space.bot.botId && message.deleted !== true)
          .map((message) => message.text);
      const question = () =>
        slack.core
          .channel(channel)
          .messages.find(
            (message) => message.author.botId === space.bot.botId && message.text.includes("Shall I deploy?"),
          );

      let parley = await start(stop);
      const goOn = parley.ended.then(async () => {
        parley = await start();
      });
      slack.people.postAs(user, channel, `<@${space.bot.botUserId}> asker ${words}`);
      const asked = await until(question, PATIENT_MS);
      await slack.gestures.clickButton(user, { channel, ts: asked.ts }, approvalActionId("deploy", 0));
      await goOn;
      const answer = words === "live" ? "Decided yes (allow)" : "Heard deploy=yes.";
      await until(() => shown().find((text) => text.includes(answer)), PATIENT_MS);
      await until(() => question()?.text.includes("decided by") === true, PATIENT_MS);
      expect(shown().filter((text) => text.includes(answer))).toHaveLength(1);
      expect(shown().filter((text) => text.includes("Shall I deploy?"))).toHaveLength(1);
      await parley.stop();
    },
    TEST_MS,
  );
});
