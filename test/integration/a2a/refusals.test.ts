import { RequestMalformedError } from "@a2a-js/sdk/errors";
import { describe, expect, onTestFinished, test } from "vitest";
import { openDatabase } from "../../../src/ledger/connection/open-database.ts";
import { connectOutside, isTask, readStream, say } from "../../support/a2a/outside-client.ts";
import { createDeployment } from "../../support/app/organizations-app.ts";
import { WebClient } from "../../support/web/web-client.ts";

const CONFIG = `
const agent = (handle) => ({ handle, name: handle, connector: { kind: "function", run: async () => "done" } });
export default { allowPrivateAgentAddresses: true, agents: [agent("one"), agent("two")] };
`;

/** Notifications have a setting of their own: what agents may be called on opens nothing to clients. */
const WITH_PRIVATE_PUSH = CONFIG.replace("default {", "default { allowPrivatePushAddresses: true,");

async function deployed(config = CONFIG) {
  const deployment = await createDeployment(config);
  const app = await deployment.process();
  const database = await openDatabase({ dataFolder: "unused", databaseUrl: deployment.databaseUrl });
  onTestFinished(() => database.close());
  const me = await new WebClient(app.url).signIn(await app.ownerLink());
  const { body } = await app.call("POST", "/api/tokens", {
    json: { name: "partner", scopes: ["talk"], as: me.person.id },
  });
  const { secret: token } = body as { secret: string }; // as the API's schema says
  const countOf = async (sql: string) => (await database.query({ text: sql })).length;
  return { app, token, countOf };
}

const pushTo = (url: string, id = "") => ({
  tenant: "",
  id,
  taskId: "",
  url,
  token: "t-1",
  authentication: undefined,
});

const withPush = (request: ReturnType<typeof say>, url: string, id = "") => ({
  ...request,
  configuration: { acceptedOutputModes: [], returnImmediately: false, taskPushNotificationConfig: pushTo(url, id) },
});

describe("what is refused outside", { timeout: 60_000 }, () => {
  test.each([
    ["of another protocol", "ftp://example.org/", /cannot be sent to this address/],
    ["of this machine", "http://127.0.0.1:9999/", /leads into a loopback network/],
    ["of this machine, as a number", "http://0x7f000001:9999/", /leads into a loopback network/],
    ["of a private network", "http://10.0.0.1:9999/", /leads into a private network/],
    ["of a metadata service", "http://169.254.169.254/x", /leads into a linkLocal network/],
    ["that carries another", "http://[::ffff:127.0.0.1]:9000/", /leads into a ipv4Mapped network/],
    ["of a shared network", "http://100.64.0.1/", /leads into a carrierGradeNat network/],
    ["in the open", "http://8.8.8.8/", /must begin with https/],
    ["without end", `https://example.org/${"x".repeat(2_048)}`, /too long/],
  ])("is refused before anything is said: notifications to an address %s", async (_name, url, why) => {
    const { app, token, countOf } = await deployed();
    const client = await connectOutside(`${app.url}/a2a/agents/one`, token);
    await expect(client.sendMessage(withPush(say("m-1", "begin"), url))).rejects.toThrow(why);
    await expect(readStream(client.sendMessageStream(withPush(say("m-2", "begin"), url)))).rejects.toThrow(why);
    expect(await countOf("select 1 from web_posts where author_kind = 'person'")).toBe(0);
    expect(await countOf("select 1 from a2a_tasks")).toBe(0);
    expect(await countOf("select 1 from turns")).toBe(0);
  });

  test("is one configuration too many, before the message of it is said", async () => {
    const { app, token, countOf } = await deployed(WITH_PRIVATE_PUSH);
    const client = await connectOutside(`${app.url}/a2a/agents/one`, token);
    const room = await connectOutside(`${app.url}/a2a/rooms/general`, token);
    const task = await room.sendMessage(say("m-1", "nobody is named"));
    if (!isTask(task)) throw new Error("no task");
    const url = "http://127.0.0.1:9999/";
    for (const id of ["1", "2", "3", "4", "5"])
      await room.createTaskPushNotificationConfig({ ...pushTo(url, id), taskId: task.id });
    const more = withPush(say("m-2", "more", { taskId: task.id }), url, "6");
    await expect(room.sendMessage(more)).rejects.toThrow(/at most 5/);
    await expect(client.sendMessage(more)).rejects.toThrow(/no such task/);
    expect(await countOf("select 1 from web_posts where author_kind = 'person'")).toBe(1);
  });

  test("is a message to a paused agent, and says so; what is said of one to whom nobody may talk tells nothing", async () => {
    const { app, token, countOf } = await deployed();
    const client = await connectOutside(`${app.url}/a2a/agents/one`, token);
    await app.call("POST", "/api/agents/one/pause", { json: {} });
    await expect(client.sendMessage(say("m-1", "begin"))).rejects.toThrow(/the agent is paused/);
    const call = async (path: string) => {
      const answer = await fetch(`${app.url}${path}`, {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json", "a2a-version": "1.0" },
        body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "GetTask", params: { id: "none" } }),
      });
      const { error } = (await answer.json()) as { error: { code: number } }; // JSON-RPC, as the protocol says
      return [answer.status, error.code];
    };
    expect(await call("/a2a/agents/one")).toEqual([409, -32_004]);
    expect(await call("/a2a/agents/nobody")).toEqual([404, -32_600]);
    expect(await countOf("select 1 from turns")).toBe(0);
    await app.call("POST", "/api/agents/one/resume", { json: {} });
    expect(isTask(await client.sendMessage(say("m-2", "begin")))).toBe(true);
  });

  test("is a task at the address of another agent, in every operation", async () => {
    const { app, token } = await deployed(WITH_PRIVATE_PUSH);
    const one = await connectOutside(`${app.url}/a2a/agents/one`, token);
    const two = await connectOutside(`${app.url}/a2a/agents/two`, token);
    const task = await one.sendMessage(say("m-1", "of one"));
    if (!isTask(task)) throw new Error("no task");
    const { id } = task;
    for (const isOpen of [false, true]) {
      if (isOpen) await two.sendMessage(say("m-2", "of two"));
      await expect(two.getTask({ tenant: "", id })).rejects.toThrow(/no such task/);
      await expect(two.cancelTask({ tenant: "", id, metadata: undefined })).rejects.toThrow(/no such task/);
      await expect(readStream(two.resubscribeTask({ tenant: "", id }))).rejects.toThrow(/no such task/);
      await expect(
        two.createTaskPushNotificationConfig({ ...pushTo("http://127.0.0.1:9999/"), taskId: id }),
      ).rejects.toThrow(/no such task/);
      const configs = { tenant: "", taskId: id, pageSize: 0, pageToken: "" };
      await expect(two.listTaskPushNotificationConfig(configs)).rejects.toThrow(/no such task/);
      await expect(two.sendMessage(say("m-1", "of one"))).rejects.toThrow(/used for another agent or room/);
    }
    const all = { tenant: "", contextId: "", status: 0, pageToken: "", statusTimestampAfter: undefined };
    expect((await one.listTasks(all)).tasks.map((listed) => listed.id)).toEqual([id]);
    expect((await two.listTasks(all)).tasks.map((listed) => listed.id)).not.toContain(id);
    expect((await one.getTask({ tenant: "", id })).id).toBe(id);
  });

  test("is told as JSON-RPC tells it, and who calls as HTTP does", async () => {
    const { app, token } = await deployed();
    const post = async (path: string, body: string, bearer = token) => {
      const headers = { authorization: `Bearer ${bearer}`, "content-type": "application/json" };
      const response = await fetch(`${app.url}${path}`, { method: "POST", headers, body });
      return { status: response.status, body: (await response.json()) as unknown };
    };
    const failure = (code: number, id: unknown = null) => ({
      jsonrpc: "2.0",
      id,
      error: expect.objectContaining({ code, message: expect.any(String) as string }) as unknown,
    });
    const asked = { jsonrpc: "2.0", id: 7, method: "ListTasks", params: {} };
    const inVersion = async (version: string) => {
      const headers = { authorization: `Bearer ${token}`, "content-type": "application/json", "a2a-version": version };
      const response = await fetch(`${app.url}/a2a/agents/one`, {
        method: "POST",
        headers,
        body: JSON.stringify(asked),
      });
      return { status: response.status, body: (await response.json()) as unknown };
    };
    for (const version of ["2.7", "1.1", "0.2", "x"])
      expect([version, await inVersion(version)]).toEqual([version, { status: 400, body: failure(-32_009, 7) }]);
    expect(await inVersion("1.0")).toMatchObject({ status: 200, body: { id: 7, result: { tasks: [] } } });
    for (const text of ["{", "", "nonsense", `{"jsonrpc": "2.0",}`])
      expect([text, await post("/a2a/agents/one", text)]).toEqual([text, { status: 400, body: failure(-32_700) }]);
    for (const text of ["[]", "1", "null", `"x"`, "{}", `[{"jsonrpc":"2.0","id":1,"method":"GetTask"}]`])
      expect([text, await post("/a2a/agents/one", text)]).toEqual([text, { status: 400, body: failure(-32_600) }]);
    const call = JSON.stringify({ jsonrpc: "2.0", id: 7, method: "GetTask", params: { id: "t" } });
    const odd = JSON.stringify({ jsonrpc: "1.0", id: 8, method: "GetTask", params: {} });
    expect(await post("/a2a/agents/one", odd)).toEqual({ status: 400, body: failure(-32_600, 8) });
    const dance = JSON.stringify({ jsonrpc: "2.0", id: 9, method: "Dance", params: {} });
    expect(await post("/a2a/agents/one", dance)).toEqual({ status: 200, body: failure(-32_601, 9) });
    for (const path of ["/a2a/agents/none", "/a2a/rooms/none"])
      expect(await post(path, call)).toEqual({ status: 404, body: failure(-32_600, 7) });
    expect(await post("/a2a/agents/one", call)).toEqual({ status: 200, body: failure(-32_001, 7) });
    expect(await post("/a2a/agents/one", "{", "ply_wrong")).toMatchObject({
      status: 401,
      body: { error: { code: "UNAUTHENTICATED" } },
    });
    // The SDK's client reads it, too: an agent that goes while it is spoken to.
    const json = { handle: "three", name: "three", connector: { kind: "webhook", url: "http://127.0.0.1:9999/" } };
    expect((await app.call("POST", "/api/agents", { json })).status).toBe(201);
    const client = await connectOutside(`${app.url}/a2a/agents/three`, token);
    expect((await app.call("DELETE", "/api/agents/three")).status).toBe(204);
    await expect(client.sendMessage(say("m-1", "hello"))).rejects.toThrow(RequestMalformedError);
    await expect(readStream(client.sendMessageStream(say("m-2", "hello")))).rejects.toThrow(/no such agent or room/);
  });
});
