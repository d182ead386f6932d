import { App, HTTPReceiver } from "@slack/bolt";
import { afterEach, expect, it } from "vitest";
import { checkHistory, createSlackStandIn, isClean, type SlackStandIn } from "../../support/slack/index.ts";
import { silentLogger } from "./silent-logger.ts";

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** A plain Bolt app that quotes what it hears in the thread. */
async function boltApp(
  transport: "http" | "socket",
): Promise<{ slack: SlackStandIn; app: App; channels: string[]; users: string[] }> {
  const slack = await createSlackStandIn({ delivery: { echoOwnPosts: true } });
  closing.push(() => slack.close());
  const space = slack.setup.smallWorkspace({ channels: 3, users: 5, transport, eventTypes: ["message.channels"] });
  const common = { token: space.bot.botToken, clientOptions: { slackApiUrl: slack.apiUrl }, logger: silentLogger };
  const receiver = new HTTPReceiver({ signingSecret: space.app.signingSecret, logger: silentLogger });
  const app =
    transport === "http"
      ? new App({ ...common, receiver })
      : new App({ ...common, socketMode: true, appToken: space.app.appToken });
  app.message(async ({ message, say }) => {
    if (message.subtype === undefined)
      await say({ text: `you said: ${message.text}`, thread_ts: message.thread_ts ?? message.ts });
  });
  app.command("/ask", async ({ ack, command }) => ack(`about ${command.text}`));
  app.action("yes", async ({ ack, respond }) => {
    await ack();
    await respond({ text: "approved", replace_original: true });
  });
  const server = await app.start(0);
  closing.push(() => app.stop());
  if (transport === "http" && server !== undefined && "address" in server) {
    const address = server.address();
    if (typeof address === "object" && address !== null) {
      slack.setup.configureApp(space.app.appId, { requestUrl: `http://127.0.0.1:${address.port}/slack/events` });
    }
  }
  return { slack, app, channels: space.channels, users: space.users };
}

it.each(["http", "socket"] as const)("serves a whole Bolt app over %s", async (transport) => {
  const { slack, app, channels, users } = await boltApp(transport);
  const targets = channels.map((channel) => ({ channel }));
  const report = await slack.load.run({ targets, users, count: 60, inFlight: 6, timeoutMs: 15_000 });
  expect(report).toMatchObject({ asked: 60, answered: 60 });
  await slack.deliveries.whenIdle();
  const verdict = checkHistory({ asked: slack.people.asked(), log: slack.log.entries });
  expect([verdict.lost, verdict.twice, verdict.foreign, verdict.notAccepted]).toEqual([[], [], [], []]);

  const [channel = "", user = ""] = [channels[0], users[0]];
  expect(await slack.gestures.slash(user, channel, "/ask", "the weather")).toMatchObject({
    response: { text: "about the weather" },
  });
  const posted = await app.client.chat.postMessage({
    channel,
    text: "approve?",
    blocks: [
      { type: "actions", elements: [{ type: "button", action_id: "yes", text: { type: "plain_text", text: "Yes" } }] },
    ],
  });
  await slack.gestures.clickButton(user, { channel, ts: posted.ts ?? "" }, "yes");
  const [replaced] = await slack.log.waitForKind("update", { channel });
  expect(replaced).toMatchObject({ ts: posted.ts, text: "approved" });
});

it("judges a Bolt app that answers twice by its log", async () => {
  const { slack, app, channels, users } = await boltApp("http");
  app.message(async ({ message, say }) => {
    if (message.subtype === undefined && message.text?.includes("twice") === true)
      await say({ text: message.text, thread_ts: message.ts });
  });
  slack.people.postAs(users[0] ?? "", channels[0] ?? "", "once [#q-1]");
  slack.people.postAs(users[0] ?? "", channels[1] ?? "", "twice [#q-2]");
  await slack.log.waitForPosts({ by: "app", count: 3 });
  const verdict = checkHistory({ asked: slack.people.asked(), log: slack.log.entries });
  expect(isClean(verdict)).toBe(false);
  expect(verdict.twice.map((one) => one.token)).toEqual(["q-2"]);
});
