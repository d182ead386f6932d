import { afterAll, beforeAll, expect, it } from "vitest";
import { defineAgent } from "../../../agents/shared/agent-function.ts";
import { type SlackApp, startSlackApp, until } from "../../support/app/slack-app.ts";

let parley: SlackApp;
const seen: { bytes: string; url: string; fetched: string; again: number; foreign: string; told: string }[] = [];

const reader = defineAgent(async function* (request, io) {
  const block = request.trigger.content.find((one) => one.type === "media");
  if (block?.type !== "media" || io.files === undefined) {
    yield "There is no file.";
    return;
  }
  const { bytes } = await io.files.read(block.mediaId);
  const url = io.files.url(block.mediaId) ?? "";
  const first = await fetch(url);
  const fetched = await first.text();
  const { status: again } = await fetch(url);
  const foreign = await io.files.read("F0FOREIGN").then(
    () => "read",
    (error: { code?: string }) => error.code ?? "",
  );
  const tool = io.tools.find((one) => one.name === "read_file");
  const told = JSON.stringify(await tool?.execute({ name: "notes.txt" }, io.signal));
  seen.push({ bytes: Buffer.from(bytes).toString(), url, fetched, again, foreign, told });
  yield "Read.";
});

beforeAll(async () => {
  parley = await startSlackApp([{ handle: "reader", name: "Reader", connector: { kind: "function", run: reader } }]);
});
afterAll(() => parley.close());

it("a file that somebody posts reaches the agent, which may read it and have it fetched once while its turn lasts", async () => {
  parley.slack.people.postAs(parley.user, parley.channel, parley.ask("reader", "what is in it?"), {
    files: [{ name: "notes.txt", content: "the notes" }],
  });
  await until(async () => parley.slack.log.posts({ by: "app" }).some((post) => post.text?.includes("Read.")));
  expect(seen).toMatchObject([{ bytes: "the notes", fetched: "the notes", again: 404, foreign: "NOT_FOUND" }]);
  expect(seen[0]?.told).toContain('"text":"the notes"');
  expect(seen[0]?.url.startsWith(`${parley.url}/api/files/`)).toBe(true);
});
