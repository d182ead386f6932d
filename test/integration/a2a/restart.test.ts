import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { TaskState } from "@a2a-js/sdk";
import { expect, onTestFinished, test } from "vitest";
import { connectOutside, isTask, readStream, say, textIn } from "../../support/a2a/outside-client.ts";
import { callApi } from "../../support/app/call-api.ts";
import { createRunFolder, startParley } from "../../support/parley/index.ts";
import { freePort } from "../../support/servers/index.ts";
import { createTestDatabase } from "../../support/servers/shared-servers.ts";
import { WebClient } from "../../support/web/web-client.ts";

const OPERATOR = "prl_op_uQ7cVn3xK9wRt5Zb2mLd8Hs4Jf6Pg1Ya";

/** Writes slowly, and from the beginning again when it is asked again. */
const SLOW = `export default async function* (request) {
  for (const word of ["one ", "two ", "three ", "four"]) {
    yield word;
    await new Promise((resolve) => setTimeout(resolve, 700));
  }
}`;

test("a task outlives the process: after a kill in its middle, who subscribes again gets its whole answer once, and no second post is made", {
  timeout: 120_000,
}, async () => {
  const folder = await createRunFolder();
  onTestFinished(() => folder.remove());
  await writeFile(join(folder.path, "slow.mjs"), SLOW);
  await writeFile(
    join(folder.path, "parley.config.ts"),
    `export default { agents: [{ handle: "slow", name: "Slow", connector: { kind: "function", module: "./slow.mjs" } }] };`,
  );
  const port = await freePort();
  const databaseUrl = await createTestDatabase();
  const start = () => startParley({ folder, port, databaseUrl, env: { PARLEY_TOKEN: OPERATOR } });
  const first = await start();
  const api = { url: first.url, token: OPERATOR };
  const link = await callApi<{ link: string }>(api, { method: "POST", path: "/api/sign-in-links", body: {} });
  const me = await new WebClient(first.url).signIn(link.body.link);
  const made = await callApi<{ secret: string }>(api, {
    method: "POST",
    path: "/api/tokens",
    body: { name: "partner", scopes: ["talk"], as: me.person.id },
  });
  const client = await connectOutside(`${first.url}/a2a/agents/slow`, made.body.secret);
  const seen = Promise.withResolvers<string>();
  const lost = readStream(client.sendMessageStream(say("m-1", "count")), ({ payload }) => {
    if (payload?.$case === "task" && payload.value.artifacts.length > 0) seen.resolve(payload.value.id);
    if (payload?.$case === "artifactUpdate") seen.resolve(payload.value.taskId);
  });
  lost.catch(() => undefined);
  const taskId = await seen.promise;
  await first.kill9();
  await expect(lost).rejects.toThrow(/./);

  const second = await start();
  onTestFinished(() => second.stop());
  const again = await connectOutside(`${second.url}/a2a/agents/slow`, made.body.secret);
  const resumed = await readStream(again.resubscribeTask({ tenant: "", id: taskId }));
  expect(resumed.states.at(-1)).toBe("TASK_STATE_COMPLETED");
  const task = await again.sendMessage(say("m-1", "count"));
  if (!isTask(task)) throw new Error("no task");
  expect(task.id).toBe(taskId);
  expect(task.status?.state).toBe(TaskState.TASK_STATE_COMPLETED);
  expect(textIn(task)).toBe("one two three four");
  expect(resumed.texts).toEqual(["one two three four"]);
});
