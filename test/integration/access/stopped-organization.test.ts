import { expect, onTestFinished, test } from "vitest";
import type { ToolAccess } from "../../../src/contracts/connector.ts";
import { openDatabase } from "../../../src/ledger/connection/open-database.ts";
import { connectOutside, isTask, readStream, say } from "../../support/a2a/outside-client.ts";
import { createDeployment } from "../../support/app/organizations-app.ts";
import { until } from "../../support/app/slack-app.ts";
import { WebClient } from "../../support/web/web-client.ts";

/** Where the agents of the configuration, which is a module of its own, leave what a turn was given. */
const SEEN = "turns of a stopped organization";
const seen: { access?: ToolAccess; post(): Promise<unknown> }[] = [];
Reflect.set(globalThis, SEEN, seen);

const CONFIG = `
const run = async (request, io) => {
  const post = io.tools.find((one) => one.name === "post");
  globalThis[${JSON.stringify(SEEN)}].push({ access: io.toolAccess?.(), post: () => post.execute({ text: "said late" }, AbortSignal.timeout(5000)) });
  if (request.trigger.text.includes("wait")) await new Promise((resolve) => io.signal.addEventListener("abort", resolve));
  return "done";
};
const agents = [{ handle: "helper", name: "Helper", connector: { kind: "function", run } }];
export default { agents, organizations: [{ id: "beta", name: "Beta", agents }] };
`;

async function deployed() {
  const deployment = await createDeployment(CONFIG);
  const app = await deployment.process();
  const ledger = await openDatabase({ dataFolder: "unused", databaseUrl: deployment.databaseUrl });
  onTestFinished(() => ledger.close());
  const talker = async (organization: string): Promise<string> => {
    const me = await new WebClient(app.url).signIn(await app.ownerLink(organization));
    const { body } = await app.call("POST", "/api/tokens", {
      organization,
      json: { name: "partner", scopes: ["talk"], as: me.person.id },
    });
    return (body as { secret: string }).secret; // as the API's schema says
  };
  return { app, ledger, tokens: { main: await talker("main"), beta: await talker("beta") } };
}

test("an organization that is stopped refuses its agents, their tools and who talks with them; its owners and the others go on", {
  timeout: 90_000,
}, async () => {
  const { app, ledger, tokens } = await deployed();
  const ours = await connectOutside(`${app.url}/a2a/agents/helper`, tokens.main);
  const theirs = await connectOutside(`${app.url}/a2a/agents/helper`, tokens.beta);
  const first = await ours.sendMessage(say("m-1", "hello"));
  if (!isTask(first)) throw new Error("no task");
  const streaming = readStream(ours.sendMessageStream(say("m-2", "wait"))).catch(() => undefined);
  const turn = await until(() => seen[1]);
  if (turn.access === undefined) throw new Error("the turn has no access to its tools");
  const { url: toolsUrl, token: toolToken } = turn.access;
  const listTools = async (): Promise<number> => {
    const answer = await fetch(toolsUrl, {
      method: "POST",
      headers: {
        authorization: `Bearer ${toolToken}`,
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
        "mcp-protocol-version": "2025-06-18",
      },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list", params: {} }),
    });
    await answer.text();
    return answer.status;
  };
  expect(await listTools()).toBe(200);

  const stop = await app.call("POST", "/api/organization/stop", { json: { reason: "an incident" } });
  expect(stop).toMatchObject({ status: 200, body: { status: "stopped" } });
  // The switch is told to every process, this one included, within moments.
  await until(async () => (await listTools()) === 401);
  expect(await turn.post()).toMatchObject({ error: expect.any(String) });
  await streaming;

  const at = { headers: { authorization: `Bearer ${tokens.main}` } };
  expect(await (await fetch(`${app.url}/a2a/`, at)).json()).toEqual({ cards: [] });
  expect((await fetch(`${app.url}/a2a/agents/helper/.well-known/agent-card.json`, at)).status).toBe(404);
  await expect(ours.sendMessage(say("m-3", "are you there?"))).rejects.toThrow(/no such agent/);
  await expect(ours.getTask({ tenant: "", id: first.id })).rejects.toThrow(/no such agent/);
  await expect(ours.cancelTask({ tenant: "", id: first.id, metadata: undefined })).rejects.toThrow(/no such agent/);
  const denied = await ledger.query({
    text: "select 1 from audit_log where organization_id = 'main' and entries like '%\"talk\"%' and entries like '%organization_stopped%'",
  });
  expect(denied.length).toBeGreaterThan(2);
  expect(seen).toHaveLength(2);

  // People read and write, owners and operators work, and another organization hears nothing of it.
  const owner = new WebClient(app.url);
  await owner.signIn(await app.ownerLink());
  expect((await owner.request("GET", "/rooms")).status).toBe(200);
  expect((await app.call("GET", "/api/audit/verify")).status).toBe(200);
  expect((await app.call("GET", "/api/agents")).status).toBe(200);
  expect(isTask(await theirs.sendMessage(say("m-1", "hello")))).toBe(true);
  await until(() => seen.length === 3);

  expect((await app.call("POST", "/api/organization/resume")).status).toBe(200);
  await until(() =>
    ours.sendMessage(say("m-4", "hello again")).then(
      (task) => isTask(task),
      () => false,
    ),
  );
  expect(await listTools(), "the turn that was stopped stays so").toBe(401);
});
