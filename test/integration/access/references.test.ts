import { afterAll, beforeAll, expect, it } from "vitest";
import { defineAgent } from "../../../agents/shared/agent-function.ts";
import { type SlackApp, startSlackApp, until } from "../../support/app/slack-app.ts";

/** Security rules R16 (a reference to another channel fetches nothing of it) and R22 (an answer notifies whom it may and nobody else). */

let parley: SlackApp;
const CANARY = "canary-5f0c1e6b9a7d42338e1f";
const READS =
  /^(conversations\.(history|replies)|files\.|reactions\.(get|list)|pins\.|bookmarks\.|search\.|chat\.getPermalink)/;
const given: string[] = [];
let answer = "";

beforeAll(async () => {
  parley = await startSlackApp([
    {
      handle: "reader",
      name: "Reader",
      connector: {
        kind: "function",
        run: defineAgent(async function* (request) {
          given.push(JSON.stringify(request));
          yield answer;
        }),
      },
    },
  ]);
});
afterAll(() => parley.close());

async function ask(text: string, threadTs?: string): Promise<string> {
  const before = given.length;
  const options = threadTs === undefined ? {} : { threadTs };
  const { ts } = parley.slack.people.postAs(parley.user, parley.channel, parley.ask("reader", text), options);
  await until(() => given.length > before);
  await until(
    async () =>
      (
        await parley.ledger.query(
          { text: "select 1 from turns where trigger_message_id = $1 and finished_at is not null" },
          [ts],
        )
      ).length === 1,
  );
  return ts;
}

it("R16: permalinks, quotes and replies that name a message of another channel read nothing there", async () => {
  answer = "I see a reference.";
  const board = parley.slack.setup.addChannel(parley.space.team.id, {
    name: "board",
    isPrivate: true,
    members: [parley.space.users[1] ?? "", parley.space.bot.botUserId],
  }).id;
  const secret = parley.slack.people.postAs(parley.space.users[1] ?? "", board, `the figures: ${CANARY}`, {});
  await until(
    async () =>
      (await parley.ledger.query({ text: "select 1 from messages where message_id = $1" }, [secret.ts])).length > 0,
  );
  const from = parley.slack.requests.entries.length;
  const compact = secret.ts.replace(".", "");
  const references = [
    `what does https://acme.slack.com/archives/${board}/p${compact} say?`,
    `what does <https://acme.slack.com/archives/${board}/p${compact}> say?`,
    `what does <https://acme.slack.com/archives/${board}/p${compact}?thread_ts=${secret.ts}&cid=${board}|this> say?`,
    `what does https://app.slack.com/client/${parley.space.team.id}/${board}/${secret.ts} say?`,
    `slack://channel?team=${parley.space.team.id}&id=${board}&message=${secret.ts}`,
    `<#${board}|board> ${secret.ts}`,
    `<#${board}> says what?`,
    `> <@${parley.space.users[1]}> wrote in <#${board}>\n> …\nwhat was it?`,
    `message ${secret.ts} of channel ${board}, please`,
  ];
  for (const reference of references) await ask(reference);
  // A reply in a thread whose root has the time stamp of the other channel's message is a thread of this channel.
  await ask("and in a thread?", await ask("a thread begins"));
  const calls = parley.slack.requests.entries.slice(from);
  // Who is in it may be asked, since somebody spoke there; what was said there is read by nobody.
  expect(calls.filter((call) => call.channel === board && READS.test(call.method))).toEqual([]);
  expect(calls.filter((call) => READS.test(call.method) && call.channel === undefined)).toEqual([]);
  expect(given.length).toBeGreaterThanOrEqual(references.length);
  expect(given.filter((request) => request.includes(CANARY))).toEqual([]);
  expect(parley.slack.log.entries.filter((entry) => entry.by === "app" && entry.text?.includes(CANARY))).toEqual([]);
});

it("R22: of everybody an answer names, the one who asked is notified at the most", { timeout: 60_000 }, async () => {
  const [asker = "", other = "", third = ""] = parley.space.users;
  const hostile = [
    "<!channel> <!here> <!everyone>",
    "@channel @here @everyone",
    `<@${other}> <@${third}|somebody>`,
    `@${other} and &lt;@${third}&gt; and <@${other} >`,
    "<!subteam^S0123456789> <!subteam^S0123456789|@team>",
    "`<!channel>` ```\n<!here>\n```",
    `[look](<@${other}>) [here](!channel) ![x](<!here>)`,
    "<!date^1392734382^{date}|<!channel>>",
    "\u200b<!channel\u200b> <\u200b!here> ＜!channel＞",
    `| a | b |\n|---|---|\n| <!channel> | <@${third}> |`,
    `> <!everyone>\n\n- <!here>\n- <@${other}>\n\n# <!channel>`,
    `<#${parley.channel}|<!channel>> <https://example.org|<!here>> <mailto:a@example.org|<@${other}>>`,
    "&#60;!channel&#62; &lt;!here&gt; &#x3c;!everyone&#x3e;",
    "**<!channel>** _<!here>_ ~~<!everyone>~~",
  ];
  for (const text of hostile) {
    answer = text;
    const ts = await ask("say it");
    const posted = await until(() => {
      const entries = parley.slack.log.entries.filter(
        (entry) => entry.by === "app" && entry.threadTs === ts && entry.kind !== "status",
      );
      return entries.length > 0 ? entries : undefined;
    });
    const notified = posted.flatMap((entry) => entry.notified ?? []);
    expect([text, notified.filter((id) => id !== asker)]).toEqual([text, []]);
  }
});
