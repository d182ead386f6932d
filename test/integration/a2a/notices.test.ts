import { TaskState } from "@a2a-js/sdk";
import { describe, expect, onTestFinished, test } from "vitest";
import { openDatabase } from "../../../src/ledger/connection/open-database.ts";
import { connectOutside, isTask, say, textIn } from "../../support/a2a/outside-client.ts";
import { A2aAgent, type A2aVersion, text } from "../../support/agents/a2a-agent.ts";
import { CountingServer, readBody } from "../../support/agents/counting-server.ts";
import { createDeployment, type OrganizationsApp } from "../../support/app/organizations-app.ts";
import { WebClient } from "../../support/web/web-client.ts";

async function tokenOf(app: OrganizationsApp): Promise<string> {
  const me = await new WebClient(app.url).signIn(await app.ownerLink());
  const { body } = await app.call("POST", "/api/tokens", {
    json: { name: "partner", scopes: ["talk"], as: me.person.id },
  });
  return (body as { secret: string }).secret; // as the API's schema says
}

const later = (url: string): string => `export default { allowPrivateAgentAddresses: true, agents: [{
  handle: "later", name: "Later", connector: { kind: "a2a", url: "${url}", deferAfterMs: 200 } }] };`;

describe("notifications", { timeout: 60_000 }, () => {
  test.each(["1.0", "0.3"] satisfies A2aVersion[])(
    "of a %s agent end a turn that was put off, once, and only with the task's token",
    async (version) => {
      const finish = Promise.withResolvers<void>();
      const agent = await A2aAgent.start({ version, push: true }, async (work) => {
        work.status(TaskState.TASK_STATE_WORKING, "long work");
        await finish.promise;
        work.artifact("a", [text("done at last")]);
        work.status(TaskState.TASK_STATE_COMPLETED);
      });
      onTestFinished(() => agent.stop());
      const app = await (await createDeployment(later(agent.url))).process();
      const client = await connectOutside(`${app.url}/a2a/agents/later`, await tokenOf(app));
      const sent = client.sendMessage(say("m-1", "begin"));
      await expect.poll(() => agent.pushConfigs.length, { timeout: 10_000 }).toBe(1);
      const { url, token } = agent.pushConfigs[0] ?? { url: "", token: "" };
      expect(url).toMatch(/\/api\/replies\/[^/]+\/a2a\/[^/]+$/);
      const notify = async (given: string): Promise<number> => {
        const headers = { "content-type": "application/a2a+json", "x-a2a-notification-token": given };
        return (await fetch(url, { method: "POST", headers, body: "{}" })).status;
      };
      expect(await notify("wrong")).toBe(401);
      // Not done yet, as the agent itself says: nothing ends.
      expect(await notify(token)).toBe(202);
      finish.resolve();
      await expect.poll(() => agent.called(/GetTask|tasks\/get/).length).toBeGreaterThan(1);
      expect(await Promise.all([notify(token), notify(token), notify(token)])).toEqual([202, 202, 202]);
      const task = await sent;
      if (!isTask(task)) throw new Error("no task");
      expect(task.status?.state).toBe(TaskState.TASK_STATE_COMPLETED);
      expect(textIn(task)).toBe("done at last");
      expect(await notify(token)).toBe(202);
      expect(agent.messages).toHaveLength(1);
      const again = await client.getTask({ tenant: "", id: task.id });
      expect(again.artifacts).toHaveLength(1);
    },
  );

  test("tell a client each state at its own address, again until they are taken", async () => {
    const taken: { state: string; token: unknown; authorization: unknown }[] = [];
    let refusals = 2;
    const client = await CountingServer.start((request, response) => {
      void readBody(request).then((body) => {
        if (refusals > 0) {
          refusals -= 1;
          response.writeHead(500).end();
          return;
        }
        const { task } = JSON.parse(body) as { task: { status: { state: string } } }; // as A2A 1.0 says
        const { authorization } = request.headers;
        taken.push({ state: task.status.state, token: request.headers["x-a2a-notification-token"], authorization });
        response.writeHead(204).end();
      });
    });
    onTestFinished(() => client.stop());
    const config = `export default { allowPrivatePushAddresses: true, agents: [{ handle: "echo", name: "Echo",
      connector: { kind: "function", run: async () => "hello" } }] };`;
    const app = await (await createDeployment(config)).process();
    const outside = await connectOutside(`${app.url}/a2a/agents/echo`, await tokenOf(app));
    const request = say("m-1", "begin");
    const push = {
      tenant: "",
      id: "",
      taskId: "",
      url: `${client.origin}/here`,
      token: "t-1",
      authentication: { scheme: "Bearer", credentials: "c-1" },
    };
    const task = await outside.sendMessage({
      ...request,
      configuration: { acceptedOutputModes: [], returnImmediately: true, taskPushNotificationConfig: push },
    });
    if (!isTask(task)) throw new Error("no task");
    await expect.poll(() => taken.at(-1)?.state, { timeout: 15_000 }).toBe("TASK_STATE_COMPLETED");
    expect(taken.every(({ token, authorization }) => token === "t-1" && authorization === "Bearer c-1")).toBe(true);
    expect(new Set(taken.map(({ state }) => state)).size).toBe(taken.length);
    const listed = await outside.listTaskPushNotificationConfig({
      tenant: "",
      taskId: task.id,
      pageSize: 0,
      pageToken: "",
    });
    expect(listed.configs).toMatchObject([{ url: push.url, token: "", authentication: { credentials: "" } }]);
    const shown = await outside.getTaskPushNotificationConfig({
      tenant: "",
      taskId: task.id,
      id: listed.configs[0]?.id ?? "",
    });
    expect(shown).toMatchObject({ url: push.url, token: "", authentication: { credentials: "" } });
    await expect(
      outside.createTaskPushNotificationConfig({ ...push, taskId: task.id, url: "ftp://example.org/" }),
    ).rejects.toThrow(/cannot be sent/);
  });

  test("reach an address whatever the task's other addresses do, and a dead one alone is given up", async () => {
    const heard: string[] = [];
    let refused = 0;
    const client = await CountingServer.start((request, response) => {
      void readBody(request).then((body) => {
        if (request.url === "/dead") refused += 1;
        else {
          const { task } = JSON.parse(body) as { task: { status: { state: string } } }; // as A2A 1.0 says
          heard.push(`${request.url} ${task.status.state}`);
        }
        response.writeHead(request.url === "/dead" ? 500 : 204).end();
      });
    });
    onTestFinished(() => client.stop());
    const config = `
      const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
      export default { allowPrivatePushAddresses: true, agents: [{ handle: "slow", name: "Slow", connector: { kind: "function",
        run: async function* (request, io) { yield "at work"; for (let n = 0; n < 200 && !io.signal.aborted; n += 1) await wait(50); } } }] };`;
    const deployment = await createDeployment(config);
    const app = await deployment.process();
    const database = await openDatabase({ dataFolder: "unused", databaseUrl: deployment.databaseUrl });
    onTestFinished(() => database.close());
    const outside = await connectOutside(`${app.url}/a2a/agents/slow`, await tokenOf(app));
    const push = (path: string) => ({
      tenant: "",
      id: path,
      taskId: "",
      url: `${client.origin}/${path}`,
      token: "",
      authentication: undefined,
    });
    const task = await outside.sendMessage({
      ...say("m-1", "begin"),
      configuration: { acceptedOutputModes: [], returnImmediately: true, taskPushNotificationConfig: push("dead") },
    });
    if (!isTask(task)) throw new Error("no task");
    // The dead one is at its last attempt, so that the good one would hear nothing if they shared what is left.
    await expect.poll(() => refused, { timeout: 10_000 }).toBeGreaterThan(0);
    await outside.createTaskPushNotificationConfig({ ...push("good"), taskId: task.id });
    await expect.poll(() => heard, { timeout: 10_000 }).toEqual(["/good TASK_STATE_WORKING"]);
    const attempts = "coalesce((push->'progress'->'dead'->>'attempts')::int, 0)";
    const attemptsMade = async () => {
      // A look that is under way may write over it; then it is written again.
      await database.query({
        text: `update a2a_tasks set push_due_at = now(), push = jsonb_set(push, '{progress,dead}', '{"attempts": 8, "dueAtMs": 0}')
          where ${attempts} < 8`,
      });
      const [row] = await database.query<{ made: number }>({ text: `select ${attempts} as made from a2a_tasks` });
      return row?.made;
    };
    await expect.poll(attemptsMade, { timeout: 10_000 }).toBe(9);
    const last = refused;
    await outside.cancelTask({ tenant: "", id: task.id, metadata: undefined });
    await expect
      .poll(() => heard, { timeout: 10_000 })
      .toEqual(["/good TASK_STATE_WORKING", "/good TASK_STATE_CANCELED"]);
    expect(refused).toBe(last);
    const due = { text: "select 1 from a2a_tasks where push_due_at is not null" };
    await expect.poll(async () => await database.query(due), { timeout: 10_000 }).toHaveLength(0);
  });
});
