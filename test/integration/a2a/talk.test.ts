import { TaskState } from "@a2a-js/sdk";
import { describe, expect, onTestFinished, test } from "vitest";
import { openDatabase } from "../../../src/ledger/connection/open-database.ts";
import { connectOutside, isTask, partsText, readStream, say, textIn } from "../../support/a2a/outside-client.ts";
import type { A2aVersion } from "../../support/agents/a2a-agent.ts";
import { createDeployment, type OrganizationsApp } from "../../support/app/organizations-app.ts";
import { WebClient } from "../../support/web/web-client.ts";

const CONFIG = `
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const agent = (handle, run) => ({ handle, name: handle, description: "Does " + handle, connector: { kind: "function", run } });
const echo = agent("echo", async function* (request) {
  yield "You said: ";
  await sleep(700);
  yield request.trigger.text;
  yield { type: "artifact", artifactId: "f", name: "note.txt", mediaType: "text/plain", base64: "Zm91bmQ=" };
});
const slow = agent("slow", async function* (request, io) {
  yield "At work";
  for (let round = 0; round < 80 && !io.signal.aborted; round += 1) await sleep(50);
});
const asker = agent("asker", async function* (request) {
  if (request.reason === "action") { yield "Decided: " + request.trigger.action.value; return; }
  yield "I need to know.";
  yield { type: "approval_request", approvalId: "go", prompt: "Deploy?", options: [
    { id: "yes", label: "Yes", effect: "allow" }, { id: "no", label: "No", effect: "deny" }] };
});
export default {
  organizationId: "alpha", agents: [echo, slow, asker],
  organizations: [{ id: "beta", name: "Beta", agents: [echo] }],
};
`;

interface Caller {
  readonly token: string;
  readonly tokenId: string;
  readonly page: WebClient;
}

/** The owner of an organization and a token that stands for them. */
async function callerIn(app: OrganizationsApp, organization: string): Promise<Caller> {
  const page = new WebClient(app.url);
  const me = await page.signIn(await app.ownerLink(organization));
  const { status, body } = await app.call("POST", "/api/tokens", {
    organization,
    json: { name: "partner", scopes: ["talk"], as: me.person.name },
  });
  expect(status).toBe(201);
  const made = body as { token: { id: string; personId: string }; secret: string }; // as the API's schema says
  expect(made.token.personId).toBe(me.person.id);
  return { token: made.secret, tokenId: made.token.id, page };
}

async function deployed() {
  const deployment = await createDeployment(CONFIG);
  const app = await deployment.process();
  const database = await openDatabase({ dataFolder: "unused", databaseUrl: deployment.databaseUrl });
  onTestFinished(() => database.close());
  return { deployment, app, database };
}

describe("Parley's agents as A2A agents", { timeout: 60_000 }, () => {
  test.each(["1.0", "0.3"] satisfies A2aVersion[])(
    "answer a %s client: whole, streamed, with files, once per message",
    async (version) => {
      const { app, database } = await deployed();
      const { token } = await callerIn(app, "alpha");
      const client = await connectOutside(`${app.url}/a2a/agents/echo`, token, version);
      const first = await client.sendMessage(say("m-1", "hello"));
      if (!isTask(first)) throw new Error("no task");
      expect(first.status?.state).toBe(TaskState.TASK_STATE_COMPLETED);
      expect(textIn(first)).toBe("You said: hello");
      const files = first.artifacts.flatMap(({ parts }) => parts.filter(({ content }) => content?.$case === "raw"));
      expect(files).toMatchObject([{ filename: "note.txt", mediaType: "text/plain" }]);
      const again = await client.sendMessage(say("m-1", "hello"));
      if (!isTask(again)) throw new Error("no task");
      expect(again.id).toBe(first.id);
      const events: string[] = [];
      const streamed = await readStream(
        client.sendMessageStream(say("m-2", "streamed", { contextId: first.contextId })),
        ({ payload }) => events.push(payload?.$case ?? "none"),
      );
      expect(streamed.texts).toEqual(["You said: streamed"]);
      expect(streamed.states.at(-1)).toBe("TASK_STATE_COMPLETED");
      expect(streamed.contextId).toBe(first.contextId);
      expect(events[0]).toBe("task");
      expect(events).toContain("artifactUpdate");
      expect(events.at(-1)).toBe("statusUpdate");
      const said = await database.query({ text: "select 1 from web_posts where author_kind = 'person'" });
      expect(said).toHaveLength(2);
      const explained = await app.call("GET", `/api/explain/${await newestPost(database)}`);
      expect(explained.status).toBe(200);
    },
  );

  test("are found by their cards, and rooms too, by who may reach them and by nobody else", async () => {
    const { app, database } = await deployed();
    const { token, page } = await callerIn(app, "alpha");
    const { status, body } = await app.call("GET", "/a2a", { token });
    expect(status).toBe(200);
    const { cards } = body as { cards: { url: string; card: { name: string } }[] }; // as the route says
    const names = cards.map(({ card }) => card.name);
    expect(names).toEqual(expect.arrayContaining(["echo", "slow", "asker", "#general"]));
    for (const { url } of cards) expect((await fetch(url)).status).toBe(401);
    const beta = await callerIn(app, "beta");
    for (const path of ["/a2a/agents/slow/.well-known/agent-card.json", "/a2a/agents/none/.well-known/agent-card.json"])
      expect((await app.call("GET", path, { token: beta.token })).status).toBe(404);
    const secretRoom = await page.ok<{ id: string }>("POST", "/rooms", { name: "secret", kind: "private", topic: "" });
    expect(secretRoom.id).toBeDefined();
    expect((await app.call("GET", "/a2a/rooms/secret/.well-known/agent-card.json", { token })).status).toBe(200);
    expect((await app.call("GET", "/a2a/rooms/secret/.well-known/agent-card.json", { token: beta.token })).status).toBe(
      404,
    );
    const denied = await database.query<{ entries: string }>({
      text: "select entries from audit_log where organization_id = 'beta' and entries like '%\"denied\"%'",
    });
    expect(denied.map(({ entries }) => JSON.parse(entries)).flat()).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ by: `token:${beta.tokenId}`, action: "talk", rule: "no_such_agent" }),
        expect.objectContaining({ by: `token:${beta.tokenId}`, action: "talk", rule: "not_a_member" }),
      ]),
    );
    const readOnly = await app.call("POST", "/api/tokens", { json: { name: "r", scopes: ["read"] } });
    const { secret } = readOnly.body as { secret: string }; // as the API's schema says
    expect((await app.call("GET", "/a2a", { token: secret })).status).toBe(403);
  });

  test("show tasks to the token that gave them and to no other", async () => {
    const { app } = await deployed();
    const alpha = await callerIn(app, "alpha");
    const beta = await callerIn(app, "beta");
    const one = await connectOutside(`${app.url}/a2a/agents/echo`, alpha.token);
    const other = await connectOutside(`${app.url}/a2a/agents/echo`, beta.token);
    const task = await one.sendMessage(say("same-id", "of alpha"));
    if (!isTask(task)) throw new Error("no task");
    await expect(other.getTask({ tenant: "", id: task.id })).rejects.toThrow(/no such task/);
    await expect(readStream(other.resubscribeTask({ tenant: "", id: task.id }))).rejects.toThrow(/no such task/);
    await expect(other.cancelTask({ tenant: "", id: task.id, metadata: undefined })).rejects.toThrow(/no such task/);
    await expect(other.sendMessage(say("x", "more", { taskId: task.id }))).rejects.toThrow(/no such task/);
    await expect(other.sendMessage(say("y", "more", { contextId: task.contextId }))).rejects.toThrow(/no such context/);
    const own = await other.sendMessage(say("same-id", "of beta"));
    if (!isTask(own)) throw new Error("no task");
    expect(own.id).not.toBe(task.id);
    const listOf = async (client: typeof one) =>
      (
        await client.listTasks({
          tenant: "",
          contextId: "",
          status: 0,
          pageToken: "",
          statusTimestampAfter: undefined,
        })
      ).tasks.map(({ id }) => id);
    expect(await listOf(one)).toEqual([task.id]);
    expect(await listOf(other)).toEqual([own.id]);
  });

  test("ask, and go on with the answer", async () => {
    const { app } = await deployed();
    const { token } = await callerIn(app, "alpha");
    const client = await connectOutside(`${app.url}/a2a/agents/asker`, token);
    const asked = await readStream(client.sendMessageStream(say("q-1", "please")));
    expect(asked.states.at(-1)).toBe("TASK_STATE_INPUT_REQUIRED");
    const task = await client.getTask({ tenant: "", id: asked.taskId });
    expect(partsText(task.status?.message?.parts ?? [])).toContain("Deploy?");
    const answer = [
      {
        content: { $case: "data" as const, value: { type: "action", actionId: "go", value: "yes" } },
        metadata: undefined,
        filename: "",
        mediaType: "application/json",
      },
    ];
    const done = await client.sendMessage(say("q-2", answer, { taskId: asked.taskId, contextId: asked.contextId }));
    if (!isTask(done)) throw new Error("no task");
    expect(done.status?.state).toBe(TaskState.TASK_STATE_COMPLETED);
    expect(textIn(done)).toContain("Decided: yes");
    await expect(client.sendMessage(say("q-3", "more", { taskId: asked.taskId }))).rejects.toThrow(
      /takes no more messages/,
    );
  });

  test("are asked in rooms by name; a context goes on in the thread under its first post, and is stopped there", async () => {
    const { app, database } = await deployed();
    const { token } = await callerIn(app, "alpha");
    const client = await connectOutside(`${app.url}/a2a/rooms/general`, token);
    const unheard = await client.sendMessage(say("r-0", "nobody is named"));
    expect(isTask(unheard) && unheard.status?.state).toBe(TaskState.TASK_STATE_REJECTED);
    const first = await client.sendMessage(say("r-1", "@echo hello"));
    if (!isTask(first)) throw new Error("no task");
    expect(textIn(first)).toContain("hello");
    const more = say("r-2", "@slow work", { contextId: first.contextId });
    const configuration = { acceptedOutputModes: [], returnImmediately: true, taskPushNotificationConfig: undefined };
    const second = await client.sendMessage({ ...more, configuration });
    if (!isTask(second)) throw new Error("no task");
    expect(second.contextId).toBe(first.contextId);
    const [post] = await database.query<{ root: string | null }>({
      text: "select thread_root_id as root from web_posts where text = '@slow work'",
    });
    expect(post?.root).toBe(first.contextId.replace("ctx_", ""));
    await expect
      .poll(async () => (await client.getTask({ tenant: "", id: second.id })).status?.state, { timeout: 10_000 })
      .toBe(TaskState.TASK_STATE_WORKING);
    const stopped = await client.cancelTask({ tenant: "", id: second.id, metadata: undefined });
    expect(stopped.status?.state).toBe(TaskState.TASK_STATE_CANCELED);
    expect((await client.getTask({ tenant: "", id: first.id })).status?.state).toBe(TaskState.TASK_STATE_COMPLETED);
  });

  test("are stopped by CancelTask, and end their streams at once with a token that is revoked", async () => {
    const { app } = await deployed();
    const { token, tokenId } = await callerIn(app, "alpha");
    const client = await connectOutside(`${app.url}/a2a/agents/slow`, token);
    const started = Promise.withResolvers<string>();
    const reading = readStream(client.sendMessageStream(say("s-1", "work")), ({ payload }) => {
      if (payload?.$case === "task" && payload.value.artifacts.length > 0) started.resolve(payload.value.id);
      if (payload?.$case === "artifactUpdate") started.resolve(payload.value.taskId);
    });
    const taskId = await started.promise;
    const cancelled = await client.cancelTask({ tenant: "", id: taskId, metadata: undefined });
    expect(cancelled.status?.state).toBe(TaskState.TASK_STATE_CANCELED);
    expect((await reading).states.at(-1)).toBe("TASK_STATE_CANCELED");
    await expect(client.cancelTask({ tenant: "", id: taskId, metadata: undefined })).rejects.toThrow(
      /cannot be canceled/,
    );
    const again = Promise.withResolvers<void>();
    const second = readStream(client.sendMessageStream(say("s-2", "work")), ({ payload }) => {
      if (payload?.$case === "artifactUpdate" || payload?.$case === "task") again.resolve();
    });
    second.catch(() => undefined);
    await again.promise;
    expect((await app.call("DELETE", `/api/tokens/${tokenId}`)).status).toBe(204);
    const revokedAt = performance.now();
    await expect(second).rejects.toThrow(/token has ended/);
    expect(performance.now() - revokedAt).toBeLessThan(1_500);
    await expect(client.getTask({ tenant: "", id: taskId })).rejects.toThrow(/401/);
  });
});

async function newestPost(database: Awaited<ReturnType<typeof openDatabase>>): Promise<string> {
  const [row] = await database.query<{ id: string }>({
    text: "select id from web_posts where author_kind = 'person' order by created_at desc limit 1",
  });
  return row?.id ?? "";
}
