import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { issueSignInLink } from "../../../adapters/web/index.ts";
import { type MeAnswer, MessagesAnswer, type WebPost, type WebRoom } from "../../../adapters/web/protocol.ts";
import { type App, createApp } from "../../../src/app.ts";
import { loadConfig } from "../../../src/config/load-config.ts";
import type { NarrowerSourcePolicy } from "../../../src/contracts/access.ts";
import type { Logger } from "../../../src/contracts/logger.ts";
import type { Database } from "../../../src/ledger/connection/database.ts";
import { createWebRoomStore } from "../../../src/ledger/web/index.ts";
import { until } from "../../support/app/slack-app.ts";
import { withAgents } from "../../support/app/with-agents.ts";
import { createTestDatabase } from "../../support/servers/shared-servers.ts";
import { WebClient } from "../../support/web/web-client.ts";
import { createReadingAgent } from "./reading-agent.ts";

interface Person {
  readonly client: WebClient;
  readonly me: MeAnswer;
}

const agent = createReadingAgent();
const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silent,
};
let app: App;
let folder = "";
let url = "";
let ledger: Database;
let ada: Person;
let ben: Person;
let cyd: Person;
/** Where it is asked (ada and ben), and sources: of all three; of ada and cyd. */
let room: WebRoom;
let wide: WebRoom;
let narrow: WebRoom;
let canary = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "parley-audience-"));
  const env = { PARLEY_DATA: folder, PARLEY_PORT: "0", DATABASE_URL: await createTestDatabase() };
  const config = await loadConfig({ cwd: folder, env });
  const reader = { handle: "reader", name: "Reader", connector: { kind: "function", run: agent.run } };
  app = await createApp(withAgents(config, [reader]), silent, {
    database: (opened) => {
      ledger = opened;
      return opened;
    },
  });
  ({ url } = await app.start());
  const store = createWebRoomStore({ database: ledger, uploadsFolder: join(folder, "uploads") });
  const signIn = async (personName: string): Promise<Person> => {
    const client = new WebClient(url);
    const link = { store, baseUrl: url, organizationId: config.organizationId, personName, role: "member" as const };
    return { client, me: await client.signIn((await issueSignInLink(link)).url) };
  };
  [ada, ben, cyd] = [await signIn("Ada"), await signIn("Ben"), await signIn("Cyd")];
});
afterAll(async () => {
  await app.stop("test");
  await rm(folder, { recursive: true, force: true });
});

beforeEach(async () => {
  const make = async (...others: Person[]): Promise<WebRoom> => {
    const made = await ada.client.ok<WebRoom>("POST", "/rooms", {
      name: `r-${randomUUID().slice(0, 8)}`,
      kind: "private",
    });
    for (const { me } of others) await ada.client.ok("POST", `/rooms/${made.id}/members`, { personId: me.person.id });
    return made;
  };
  [room, wide, narrow] = [await make(ben), await make(ben, cyd), await make(cyd)];
  canary = `canary-${randomUUID()}`;
  await say(ada, wide, `wide ${canary}`);
  await say(cyd, narrow, `narrow ${canary}`);
  const stored = "select 1 from messages where text like $1";
  await until(async () => (await ledger.query({ text: stored }, [`%${canary}`])).length === 2);
});

async function say(person: Person, where: WebRoom, text: string): Promise<void> {
  await person.client.ok("POST", `/rooms/${where.id}/messages`, { clientMessageId: randomUUID(), text });
}

const ask = (...lines: string[]): Promise<void> => say(ada, room, [`@reader`, ...lines].join("\n"));
const history = (where: WebRoom): string => `conversation_history ${JSON.stringify({ conversation: where.name })}`;

/** What a person sees of the agent in the room. */
async function seenBy(person: Person): Promise<readonly WebPost[]> {
  const { posts } = MessagesAnswer.parse(await person.client.ok("GET", `/rooms/${room.id}/messages?limit=100`));
  return posts.filter((post) => post.author.kind === "agent" && post.state === "final");
}

const seen = (person: Person, words: string): Promise<WebPost> =>
  until(async () => (await seenBy(person)).find((post) => post.text.includes(words)));

async function setPolicy(policy: NarrowerSourcePolicy): Promise<void> {
  const text = `insert into channel_policies (installation_id, channel_id, organization_id, on_narrower_source, source)
    select installation_id, $1, organization_id, $2, 'operator' from channels where channel_id = $3`;
  await ledger.query({ text }, [room.id, policy, wide.id]);
  await ledger.query({ text: "select pg_notify('parley_access', '')" });
  await new Promise((resolve) => setTimeout(resolve, 300));
}

/** All that Ben's socket was sent and all that he can load. */
async function benHears(during: () => Promise<unknown>): Promise<string> {
  const socket = await ben.client.socket();
  await during();
  const loaded = await ben.client.ok("GET", `/rooms/${room.id}/messages?limit=100`);
  const changes = await ben.client.ok("GET", `/rooms/${room.id}/changes?after=0`);
  const heard = JSON.stringify([socket.frames, loaded, changes]);
  socket.raw.close();
  return heard;
}

it("answers with what all who read the answer may read", async () => {
  await ask(history(wide), "tell");
  expect((await seen(ben, canary)).text).toContain(`wide ${canary}`);
});

it("withholds what not all may read, and shows nothing of it live", async () => {
  const heard = await benHears(async () => {
    await ask("say a moment", history(narrow), "tell", "wait");
    await until(() => agent.heard.at(-1)?.results.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 500));
    agent.letGo();
    await seen(ben, "answer was withheld");
  });
  expect(heard).not.toContain(canary);
});

it("tells the asker alone where the room wants that", async () => {
  await setPolicy("asker");
  const heard = await benHears(async () => {
    await ask(history(narrow), "tell");
    await seen(ada, canary);
  });
  expect(heard).toContain("goes to the person who asked alone");
  expect(heard).not.toContain(canary);
  expect((await seen(ada, canary)).ephemeral).toBe(true);
});

it("puts it up for approval to who may read all of it, once", async () => {
  await setPolicy("approve");
  await ask(history(narrow), "tell");
  const notice = await seen(ben, "answer was withheld");
  const [row] = await until(async () => {
    const text = "select turn_id from deliveries where message_id = $1 and state = 'delivered'";
    const rows = await ledger.query<{ turn_id: string }>({ text }, [notice.id]);
    return rows.length === 1 ? rows : undefined;
  });
  const actionId = `parley.withheld:${row?.turn_id}`;
  const choose = (person: Person, value: string) =>
    person.client.request("POST", `/messages/${notice.id}/actions`, { clientActionId: randomUUID(), actionId, value });
  await choose(ben, "release");
  await seen(ben, "Only somebody here who may read everything");
  expect((await seenBy(ada)).filter((post) => post.text.includes(canary))).toEqual([]);
  await Promise.all([choose(ada, "release"), choose(ada, "release"), choose(ada, "discard")]);
  await until(async () => {
    const text = "select 1 from withheld_replies where turn_id = $1 and state <> 'open' and reply is null";
    return (await ledger.query({ text }, [row?.turn_id])).length === 1;
  });
  const decided = await seen(ben, "by Ada");
  expect(decided.id).toBe(notice.id);
  const released = decided.text.includes("was released");
  const expected = released ? 1 : 0;
  await until(async () => (await seenBy(ben)).filter((post) => post.text.includes(canary)).length === expected);
});

it("lets nobody decide by a button of the agent's own making, nor from another room", async () => {
  await setPolicy("approve");
  await ask(history(narrow), "tell");
  const notice = await seen(ada, "answer was withheld");
  const text = "select turn_id from withheld_replies where state = 'open' order by created_at desc limit 1";
  const [row] = await ledger.query<{ turn_id: string }>({ text });
  const actionId = `parley.withheld:${row?.turn_id}`;
  const options = [{ id: "release", label: "Yes" }];
  const part = { type: "approval_request", approvalId: actionId, prompt: "Do you like tea?", options };
  await say(ada, room, `@reader\npart ${JSON.stringify(part)}`);
  const other = await seen(ada, "Do you like tea?");
  const body = { clientActionId: randomUUID(), actionId, value: "release" };
  await ada.client.ok("POST", `/messages/${other.id}/actions`, body);
  const heard =
    "select 1 from events where kind = 'action_submitted' and state_reason = 'decision_on_a_withheld_answer' and envelope->'body'->>'messageId' = $1";
  await until(async () => (await ledger.query({ text: heard }, [other.id])).length === 1);
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect((await seenBy(ben)).filter((post) => post.text.includes(canary))).toEqual([]);
  expect((await seen(ada, "answer was withheld")).id).toBe(notice.id);
});
