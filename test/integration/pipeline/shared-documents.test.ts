import { afterAll, beforeAll, expect, it } from "vitest";
import { defineAgent } from "../../../agents/shared/agent-function.ts";
import type { JsonValue } from "../../../src/contracts/json.ts";
import { type SlackApp, startSlackApp, until } from "../../support/app/slack-app.ts";

let parley: SlackApp;
const results = new Map<string, JsonValue>();

/** Does the tool call that it is asked for, and keeps what the tool said. */
const worker = (handle: string) =>
  defineAgent(async function* (request, io) {
    const words = /call ([0-9a-f]+)/u.exec(request.trigger.text)?.[1] ?? "";
    const [name, input] = JSON.parse(Buffer.from(words, "hex").toString()) as [string, unknown]; // written by ask
    const tool = io.tools.find((one) => one.name === name);
    const said = await tool?.execute(input, io.signal);
    results.set(handle, said ?? { missing: name });
    yield "ok";
  });

beforeAll(async () => {
  parley = await startSlackApp([
    { handle: "left", name: "Left", connector: { kind: "function", run: worker("left") } },
    { handle: "right", name: "Right", connector: { kind: "function", run: worker("right") } },
    {
      handle: "reader",
      name: "Reader",
      connector: { kind: "function", run: worker("reader") },
      tools: ["document_read"],
    },
  ]);
});
afterAll(() => parley.close());

async function ask(
  handles: readonly string[],
  call: readonly [string, JsonValue],
  thread?: string,
): Promise<{ ts: string }> {
  for (const handle of handles) results.delete(handle);
  const names = handles.map((handle) => `@${handle}`).join(" ");
  const options = thread === undefined ? {} : { threadTs: thread };
  const said = parley.slack.people.postAs(
    parley.user,
    parley.channel,
    `${names} call ${Buffer.from(JSON.stringify(call)).toString("hex")}`,
    options,
  );
  await until(() => handles.every((handle) => results.has(handle)));
  return said;
}

it("is changed by one of two agents that began from the same revision, and the other is told which one it is at", async () => {
  const { ts } = await ask(["left"], ["document_write", { name: "plan", revision: 0, value: { steps: [] } }]);
  expect(results.get("left")).toEqual({ name: "plan", revision: 1 });
  await ask(["left", "right"], ["document_write", { name: "plan", revision: 1, value: { steps: ["mine"] } }], ts);
  const said = [results.get("left"), results.get("right")];
  expect(said).toContainEqual({ name: "plan", revision: 2 });
  expect(said).toContainEqual({ error: "another change came first: the document is at revision 2 now" });
  await ask(["reader"], ["document_read", { name: "plan" }], ts);
  expect(results.get("reader")).toMatchObject({ revision: 2, value: { steps: ["mine"] } });
});

it("belongs to its conversation, and to agents that have the tool", async () => {
  const { ts } = await ask(["left"], ["document_read", { name: "plan" }]);
  expect(results.get("left")).toEqual({ error: "there is no such document; write it from revision 0 to make it" });
  await ask(["reader"], ["document_write", { name: "plan", revision: 0, value: 1 }], ts);
  expect(results.get("reader")).toEqual({ missing: "document_write" });
});

it("is in the audit log by name, revision and digest, and never by what it holds", async () => {
  const rows = await parley.ledger.query<{ entries: string }>({
    text: "select entries from audit_log where entries like '%\"document\"%'",
  });
  const told = rows.map((row) => row.entries).join("\n");
  expect(told).toMatch(/"document": ?"plan"/u);
  expect(told).not.toContain("mine");
});
