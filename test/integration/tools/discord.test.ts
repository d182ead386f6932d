import { afterAll, beforeAll, expect, it } from "vitest";
import { type DiscordApp, startDiscordApp } from "../../support/app/discord-app.ts";
import { until } from "../../support/app/slack-app.ts";
import { createToolAgent, type ToolTurnSeen } from "./tool-agent.ts";

/** The tools of agents in front of Discord. */

let parley: DiscordApp;
const agent = createToolAgent();

beforeAll(async () => {
  parley = await startDiscordApp([
    { handle: "worker", name: "Worker", replyInThread: false, connector: { kind: "function", run: agent.run } },
  ]);
});
afterAll(() => parley.close());

async function ask(lines: readonly string[]): Promise<{ turn: ToolTurnSeen; message: string }> {
  const before = agent.seen.length;
  const { message } = parley.discord.people.postAs(
    parley.user,
    parley.channel,
    parley.ask("worker", `\n${lines.join("\n")}\nsay done`),
  );
  const turn = await until(() => agent.seen[before]);
  const isOver = async (): Promise<boolean> => {
    const rows = await parley.ledger.query({ text: "select 1 from turns where id = $1 and finished_at is not null" }, [
      turn.request.turnId,
    ]);
    return rows.length > 0;
  };
  await until(isOver, 30_000);
  return { turn, message };
}

it("posts before the reply, opens a thread under the message that it answers, and reacts", async () => {
  const { turn, message } = await ask([
    'call post {"text":"from a tool"}',
    'call reply_to {"message":"$message","text":"an answer to it"}',
    'call react {"message":"$message","reaction":"🎉"}',
    'call react {"message":"1","reaction":"🎉"}',
  ]);
  expect(turn.results).toMatchObject([
    { posted: true },
    { posted: true },
    { reacted: true },
    { error: "there is no such message in this conversation" },
  ]);
  const log = JSON.stringify(parley.discord.log.entries);
  expect(log.indexOf("from a tool")).toBeLessThan(log.indexOf("done"));
  expect(log).toContain("an answer to it");
  expect(parley.discord.log.entries.filter(({ kind }) => kind === "reaction_add")).toMatchObject([{ message }]);
});

it("asks nobody who is not there, and tells nobody who is not", async () => {
  const { turn } = await ask([
    'call ask {"who":"123456789012345678","question":"who are you?"}',
    'call notify_member {"member":"123456789012345678","text":"psst"}',
  ]);
  expect(turn.results[0]).toMatchObject({ error: expect.stringContaining("nobody of that name") });
  expect(turn.results[1]).toMatchObject({ error: expect.stringContaining("nobody of that id") });
  expect(JSON.stringify(parley.discord.log.entries)).not.toContain('"psst"');
});
