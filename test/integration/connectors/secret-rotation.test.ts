import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, expect, it } from "vitest";
import { WebhookAgent, type WebhookCall } from "../../support/agents/webhook-agent.ts";
import { callApi } from "../../support/app/call-api.ts";
import { type SlackApp, startSlackApp, until } from "../../support/app/slack-app.ts";

/** An agent behind a webhook gets another signing secret without ever being signed for with one that it does not know. */
let parley: SlackApp;
let agent: WebhookAgent;
const TOKEN = "prl_op_a-token-of-a-test-run-that-opens-nothing-else-0123456789";

beforeAll(async () => {
  agent = await WebhookAgent.start();
  parley = await startSlackApp(
    [
      {
        handle: "fixed",
        name: "Fixed",
        connector: { kind: "webhook", url: agent.url, secret: `whsec_${"A".repeat(44)}` },
      },
    ],
    { env: { PARLEY_TOKEN: TOKEN } },
  );
});
afterAll(async () => {
  await parley.close();
  await agent.stop();
});

const api = async <T = { secret: string }>(method: string, path: string, body?: unknown) =>
  await callApi<T>({ url: parley.url, token: TOKEN }, { method, path, ...(body === undefined ? {} : { body }) });

async function asked(): Promise<WebhookCall> {
  const before = agent.calls.length;
  parley.slack.people.postAs(parley.user, parley.channel, parley.ask("hook", "hello"));
  return (await until(() => agent.calls[before])) as WebhookCall; // until gives what was found
}

function isSignedWith(secret: string, { headers, rawBody }: WebhookCall): boolean {
  try {
    new Webhook(secret).verify(rawBody, headers as Record<string, string>); // the library looks at three headers alone
    return true;
  } catch {
    return false;
  }
}

it("both secrets sign from the rotation on until the old one is ended, and the audit log has both steps", async () => {
  const added = await api("POST", "/api/agents", {
    handle: "hook",
    name: "Hook",
    connector: { kind: "webhook", url: agent.url },
  });
  expect(added.status).toBe(201);
  const first = added.body.secret;
  expect(isSignedWith(first, await asked())).toBe(true);
  expect((await api("DELETE", "/api/agents/hook/token")).status).toBe(404);

  const rotated = await api("POST", "/api/agents/hook/token");
  expect(rotated.status).toBe(201);
  const second = rotated.body.secret;
  expect(second).toMatch(/^whsec_/);
  expect(second).not.toBe(first);
  const between = await asked();
  expect([isSignedWith(first, between), isSignedWith(second, between)]).toEqual([true, true]);

  expect((await api("DELETE", "/api/agents/hook/token")).status).toBe(204);
  const after = await asked();
  expect([isSignedWith(first, after), isSignedWith(second, after)]).toEqual([false, true]);

  const rows = await parley.ledger.query<{ entries: string }>({ text: "select entries from audit_log order by 1" });
  const log = rows.map(({ entries }) => entries).join("\n");
  expect(log).toContain("agent_secret_rotated");
  expect(log).toContain("agent_secret_ended");
  expect(log).not.toContain(second);
  const stored = await parley.ledger.query({ text: "select * from agents" });
  expect(JSON.stringify(stored)).not.toContain(second);
});

it("five sign at most; what the configuration declares is rotated there", async () => {
  const statuses: number[] = [];
  for (let count = 0; count < 5; count += 1) statuses.push((await api("POST", "/api/agents/hook/token")).status);
  expect(statuses).toEqual([201, 201, 201, 201, 409]);
  const fixed = await api<{ error: { detail: string } }>("POST", "/api/agents/fixed/token");
  expect(fixed).toMatchObject({
    status: 409,
    body: { error: { detail: expect.stringContaining("declared in parley.config.ts") } },
  });
});
