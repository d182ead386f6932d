import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ChatDriver, ShownPost } from "../../support/conversation/chat-driver.ts";
import { discordDriver } from "../../support/conversation/discord-driver.ts";
import { matrixDriver } from "../../support/conversation/matrix-driver.ts";
import { slackDriver } from "../../support/conversation/slack-driver.ts";
import { type ConversationStage, startConversationStage } from "../../support/conversation/stage.ts";
import { until } from "../../support/conversation/until.ts";
import { webDriver } from "../../support/conversation/web-driver.ts";

const PLATFORMS = [webDriver, slackDriver, discordDriver, matrixDriver];
const STAGE_MS = 180_000;
const TEST_MS = 120_000;

/** The answers under a question, oldest first. */
async function answersTo(driver: ChatDriver, question: string): Promise<readonly ShownPost[]> {
  const posts = await driver.posts();
  return posts.filter((post) => post.thread === question || post.thread === undefined);
}

const shows = async (driver: ChatDriver, question: string, text: string | RegExp): Promise<ShownPost> =>
  await until(`${driver.platform} shows ${String(text)}`, async () =>
    (await answersTo(driver, question)).find((post) =>
      typeof text === "string" ? post.text.includes(text) : text.test(post.text),
    ),
  );

const choose = (driver: ChatDriver, post: ShownPost, id: "yes" | "no"): Promise<void> =>
  driver.choose(post, { approvalId: "deploy", id, index: id === "yes" ? 0 : 1 });

describe.each(["postgres", "pglite"] as const)("questions to people, on a ledger in %s", (ledger) => {
  let stage: ConversationStage;

  beforeAll(async () => {
    stage = await startConversationStage(PLATFORMS, { ledger, agent: new URL("./asking-agent.ts", import.meta.url) });
  }, STAGE_MS);
  afterAll(() => stage?.close(), STAGE_MS);

  const onEach = (work: (driver: ChatDriver) => Promise<void>): Promise<void[]> => Promise.all(stage.drivers.map(work));

  it(
    "asks in the middle of a turn, goes on with the decision, and the message says who made it",
    async () => {
      await onEach(async (driver) => {
        const question = await driver.say(driver.ask("live please"));
        const asked = await shows(driver, question, "Shall I deploy?");
        await choose(driver, asked, "yes");
        await shows(driver, question, /Decided yes \(allow\) by .+ in attempt 1/u);
        const decided = await until(`${driver.platform} shows the decision`, async () =>
          (await driver.posts()).find((post) => post.id === asked.id && post.text.includes("decided by")),
        );
        expect(decided.text).toMatch(/Shall I deploy\?[\s\S]*Deploy.*, decided by .+, \d{4}-\d\d-\d\d \d\d:\d\d UTC/u);
      });
    },
    TEST_MS,
  );

  it(
    "keeps a question at the end of a turn over a restart of Parley, and gives the decision to the agent once",
    async () => {
      const asked = new Map<ChatDriver, { question: string; post: ShownPost }>();
      await onEach(async (driver) => {
        const question = await driver.say(driver.ask("ask please"));
        await shows(driver, question, "One question.");
        asked.set(driver, { question, post: await shows(driver, question, "Shall I deploy?") });
      });
      await stage.restart(async () => undefined);
      await onEach(async (driver) => {
        const { question = "", post } = asked.get(driver) ?? {};
        if (post === undefined) throw new Error("nothing was asked");
        await choose(driver, post, "no");
        await shows(driver, question, "Heard deploy=no.");
        await until(`${driver.platform} shows the decision`, async () =>
          (await driver.posts()).find((one) => one.id === post.id && one.text.includes("decided by")),
        );
        await choose(driver, post, "yes").catch(() => undefined);
      });
      const rows = await stage.ledger.query<{ n: number }>({
        text: "select count(*)::int as n from turns where reason = 'action' group by event_id, agent_id",
      });
      expect(rows).toEqual(stage.drivers.map(() => ({ n: 1 })));
    },
    TEST_MS,
  );

  it(
    "waits on after a restart in the middle of a turn, without asking again",
    async () => {
      const asked = new Map<ChatDriver, { question: string; post: ShownPost }>();
      await onEach(async (driver) => {
        const question = await driver.say(driver.ask("live over restart"));
        const known = new Set(
          (await driver.posts()).filter((post) => post.text.includes("decided by")).map(({ id }) => id),
        );
        const post = await until(`${driver.platform} asks`, async () =>
          (await driver.posts()).find(
            (one) => one.text.includes("Shall I deploy?") && !known.has(one.id) && !one.text.includes("decided by"),
          ),
        );
        asked.set(driver, { question, post });
      });
      await stage.restart(async () => undefined);
      await onEach(async (driver) => {
        const { question = "", post } = asked.get(driver) ?? {};
        if (post === undefined) throw new Error("nothing was asked");
        await choose(driver, post, "no");
        await shows(driver, question, /Decided no \(deny\) by .+ in attempt 2/u);
      });
      const open = await stage.ledger.query({ text: "select id from requests where state = 'open'" });
      expect(open).toEqual([]);
      const twice = await stage.ledger.query({
        text: "select turn_id from requests where live group by turn_id having count(*) > 1",
      });
      expect(twice).toEqual([]);
    },
    TEST_MS,
  );
});
