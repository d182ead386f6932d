import { afterAll, beforeAll, expect, it } from "vitest";
import { generateWebhookSecret } from "../../../agents/webhook/index.ts";
import type { Database } from "../../../src/ledger/connection/database.ts";
import { openPostgres } from "../../../src/ledger/connection/postgres.ts";
import { WebhookAgent } from "../../support/agents/webhook-agent.ts";
import { until } from "../../support/app/slack-app.ts";
import { createRunFolder, type ParleyProcess, type RunFolder, startParley } from "../../support/parley/index.ts";
import { freePort } from "../../support/servers/free-port.ts";
import { createTestDatabase } from "../../support/servers/shared-servers.ts";
import { createSlackStandIn, type SlackStandIn, type SmallWorkspace } from "../../support/slack/index.ts";

/** What an agent was given is in the audit log also where the process that gave it was killed before it could say so. */

let slack: SlackStandIn;
let space: SmallWorkspace;
let folder: RunFolder;
let ledger: Database;
let agent: WebhookAgent;
let parley: ParleyProcess;
let start: () => Promise<ParleyProcess>;

beforeAll(async () => {
  const port = await freePort();
  agent = await WebhookAgent.start(() => ({ kind: "hang" }));
  slack = await createSlackStandIn({ delivery: { retryScale: 0.001 } });
  space = slack.setup.smallWorkspace({ channels: 1, users: 2, requestUrl: `http://127.0.0.1:${port}/slack/events` });
  const databaseUrl = await createTestDatabase();
  folder = await createRunFolder({
    agents: [
      {
        handle: "keeper",
        name: "Keeper",
        historyMessages: 3,
        connector: { kind: "webhook", url: agent.url, secret: generateWebhookSecret() },
      },
    ],
  });
  start = () =>
    startParley({
      folder,
      databaseUrl,
      port,
      slack: { apiUrl: slack.apiUrl, botToken: space.bot.botToken, signingSecret: space.app.signingSecret },
      env: { PARLEY_ALLOW_PRIVATE_AGENTS: "on" },
    });
  parley = await start();
  ledger = await openPostgres({ databaseUrl });
});
afterAll(async () => {
  await parley.stop();
  await ledger.close();
  await slack.close();
  await agent.stop();
  await folder.remove();
});

interface Read {
  readonly what: string;
  readonly rule?: string;
  readonly attempt?: number;
  readonly context?: readonly string[];
}
const told = async (): Promise<readonly Read[]> =>
  (await ledger.query<{ entries: string }>({ text: "select entries from audit_log order by xact, id" }))
    .flatMap((row) => JSON.parse(row.entries) as Read[])
    .filter((entry) => entry.context !== undefined);
interface Sent {
  readonly data: { readonly transcript: readonly { readonly messageId: string }[] };
}
const transcriptOf = (call: number): readonly string[] => {
  const sent = JSON.parse(agent.calls[call]?.rawBody ?? "{}") as Sent; // what Parley sends to a webhook
  return sent.data.transcript.map(({ messageId }) => messageId);
};

it("holds each message that an attempt was given whose process was killed in its middle", {
  timeout: 120_000,
}, async () => {
  const [channel = "", user = "", other = ""] = [space.channels[0], ...space.users];
  const said = ["one", "two", "three", "four", "five"].map((text) => slack.people.postAs(other, channel, text).ts);
  await until(
    async () => (await ledger.query({ text: "select 1 from messages where channel_id = $1" }, [channel])).length === 5,
  );
  slack.people.postAs(user, channel, `<@${space.bot.botUserId}> keeper what did they say?`);
  await until(() => agent.calls.length === 1);
  const given = transcriptOf(0);
  expect(given).toEqual(said.slice(-3));
  await parley.kill9();
  expect((await told()).filter(({ what }) => what === "context_read")).toEqual([]);
  agent.behave = () => ({ kind: "respond", body: JSON.stringify({ text: "numbers" }) });
  parley = await start();
  // What one of them said is gone by the time that somebody takes the turn over, or just after; that the agent had it is not.
  slack.people.deleteAs(other, channel, said[3] ?? "");
  await until(() => agent.calls.length === 2, 30_000);
  const [lost] = await until(async () => {
    const found = (await told()).filter(({ rule }) => rule === "attempt_ended_with_its_process");
    return found.length > 0 ? found : undefined;
  });
  expect(lost).toMatchObject({ what: "context_read", attempt: 1 });
  expect(lost?.context).toEqual(expect.arrayContaining([...given]));
  expect(lost?.context?.length).toBeLessThanOrEqual(given.length + 2);
  await until(async () => (await told()).some(({ what }) => what === "output"));
});
