import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "vitest";
import { approvalActionId } from "../../../adapters/slack/actions.ts";
import { defineAgent } from "../../../agents/shared/agent-function.ts";
import { type SlackApp, startSlackApp, until } from "../../support/app/slack-app.ts";
import { callTool } from "../access/reading-agent.ts";
import asking, { APPROVAL } from "./asking-agent.ts";

const outcomes: string[] = [];

/** Reads the channel that it is told of and then asks where it is, with what it read in the question. */
const curious = defineAgent(async function* (request, io) {
  const [, channel = ""] = /read (\S+)/u.exec(request.trigger.text) ?? [];
  const read = await callTool(io, "conversation_history", { conversation: channel });
  const prompt = `Shall I publish ${JSON.stringify(read)}?`;
  try {
    const outcome = await io.requests?.ask({ ...APPROVAL, prompt }, { binding: null, signal: io.signal });
    outcomes.push(outcome?.state ?? "none");
  } catch (error) {
    outcomes.push(String(error));
  }
  yield { type: "status", text: "done" };
});

let parley: SlackApp;
let ada = "";
let ben = "";
let room = "";
let wide = "";
let narrow = "";
let review = "";
const canary = `canary-${randomUUID()}`;

beforeAll(async () => {
  parley = await startSlackApp([
    { handle: "curious", name: "Curious", connector: { kind: "function", run: curious }, replyInThread: false },
    {
      handle: "novice",
      name: "Novice",
      connector: { kind: "function", run: asking },
      shadow: { reviewRoom: "slack:channel-3" },
    },
  ]);
  [ada = "", ben = ""] = parley.space.users;
  const { setup, people } = parley.slack;
  const make = (...members: string[]): string =>
    setup.addChannel(parley.space.team.id, { isPrivate: true, members: [...members, parley.space.bot.botUserId] }).id;
  [room, wide, narrow] = [make(ada, ben), make(ada, ben), make(ada)];
  review = parley.space.channels[2] ?? "";
  people.postAs(ada, wide, `wide ${canary}`);
  people.postAs(ada, narrow, `narrow ${canary}`);
  people.postAs(ada, review, "this is where novices are read");
  await until(async () => {
    const found = await parley.ledger.query({ text: "select 1 from messages where channel_id = any($1::text[])" }, [
      [wide, narrow, review],
    ]);
    return found.length >= 3;
  });
});
afterAll(() => parley.close());

const postsIn = (channel: string) => parley.slack.log.posts({ channel, by: "app" });

it("asks of what was read elsewhere only where all readers may read it", async () => {
  parley.slack.people.postAs(ada, room, parley.ask("curious", `read ${narrow}`));
  expect(await until(() => outcomes[0])).toMatch(/PERMISSION_DENIED.*source_is_narrower/u);
  expect(JSON.stringify(parley.slack.log.entries.filter((entry) => entry.by === "app"))).not.toContain(
    `narrow ${canary}`,
  );
  expect(await parley.ledger.query({ text: "select 1 from requests" })).toEqual([]);

  parley.slack.people.postAs(ada, room, parley.ask("curious", `read ${wide}`));
  const asked = await until(() => postsIn(room).find((post) => post.text?.includes(`wide ${canary}`) === true));
  await parley.slack.gestures.clickButton(ben, { channel: room, ts: asked.ts ?? "" }, approvalActionId("deploy", 0));
  expect(await until(() => outcomes[1])).toBe("decided");
});

it("asks for an agent in shadow in its review room alone, where it is decided", async () => {
  parley.slack.people.postAs(ada, parley.channel, parley.ask("novice", "live now"));
  const asked = await until(() => postsIn(review).find((post) => post.text?.includes("Shall I deploy?") === true));
  expect(postsIn(parley.channel)).toEqual([]);
  await parley.slack.gestures.clickButton(ada, { channel: review, ts: asked.ts ?? "" }, approvalActionId("deploy", 0));
  await until(() => postsIn(review).find((post) => post.text?.includes("Decided yes (allow)") === true));
  expect(postsIn(parley.channel)).toEqual([]);
});
