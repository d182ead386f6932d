import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { issueSignInLink } from "../../../adapters/web/index.ts";
import { type MeAnswer, MessagesAnswer, type WebRoom } from "../../../adapters/web/protocol.ts";
import { type App, createApp } from "../../../src/app.ts";
import { loadConfig } from "../../../src/config/load-config.ts";
import type { Logger } from "../../../src/contracts/logger.ts";
import type { Explanation } from "../../../src/contracts/operations.ts";
import type { RequestDetails, RequestView } from "../../../src/contracts/request-operations.ts";
import type { Database } from "../../../src/ledger/connection/database.ts";
import { createWebRoomStore } from "../../../src/ledger/web/index.ts";
import { callApi } from "../../support/app/call-api.ts";
import { until } from "../../support/app/slack-app.ts";
import { withAgents } from "../../support/app/with-agents.ts";
import { WebClient } from "../../support/web/web-client.ts";
import asking from "./asking-agent.ts";

interface Person {
  readonly client: WebClient;
  readonly me: MeAnswer;
}

const OPERATOR = randomUUID() + randomUUID();
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
let room: WebRoom;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "parley-requests-"));
  const env = { PARLEY_DATA: folder, PARLEY_PORT: "0", PARLEY_TOKEN: OPERATOR };
  const config = await loadConfig({ cwd: folder, env });
  const asker = { handle: "asker", name: "Asker", connector: { kind: "function", run: asking } };
  app = await createApp(withAgents(config, [asker]), silent, {
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
  room = await ada.client.ok<WebRoom>("POST", "/rooms", { name: "deploys", kind: "private" });
  await ada.client.ok("POST", `/rooms/${room.id}/members`, { personId: ben.me.person.id });
}, 120_000);
afterAll(async () => {
  await app.stop("test");
  await rm(folder, { recursive: true, force: true });
});

const api = <T>(token: string, method: string, path: string, body?: unknown) =>
  callApi<T>({ url, token }, { method, path, ...(body === undefined ? {} : { body }) });

async function tokenOf(person: Person): Promise<string> {
  const { body } = await api<{ secret: string }>(OPERATOR, "POST", "/api/tokens", {
    name: person.me.person.name,
    scopes: ["talk"],
    as: person.me.person.id,
  });
  return body.secret;
}

async function ask(words: string): Promise<RequestView> {
  await ada.client.ok("POST", `/rooms/${room.id}/messages`, {
    clientMessageId: randomUUID(),
    text: `@asker ${words}`,
  });
  const shown = async (): Promise<RequestView | undefined> => {
    const { body } = await api<{ requests: RequestView[] }>(OPERATOR, "GET", "/api/requests?state=open");
    const [open] = body.requests;
    const [posted] =
      open === undefined
        ? []
        : await ledger.query({ text: "select 1 from deliveries where request_id = $1 and state = 'delivered'" }, [
            open.id,
          ]);
    return posted === undefined ? undefined : open;
  };
  return await until(shown);
}

const postsOf = async (person: Person) =>
  MessagesAnswer.parse(await person.client.ok("GET", `/rooms/${room.id}/messages?limit=50`)).posts;

it("decides with the rights of the person whom a token stands for, and with no others", async () => {
  const request = await ask("live now");
  expect(request).toMatchObject({
    agent: "asker",
    kind: "approval",
    live: true,
    prompt: "Shall I deploy?",
    channel: "deploys",
  });
  const path = `/api/requests/${request.id}/decision`;
  expect((await api(OPERATOR, "POST", path, { option: "yes" })).status).toBe(403);
  expect((await api(await tokenOf(cyd), "POST", path, { option: "yes" })).status).toBe(403);
  expect((await api(await tokenOf(ben), "POST", path, { option: "maybe" })).status).toBe(400);
  expect((await api<RequestView>(OPERATOR, "GET", `/api/requests/${request.id}`)).body.state).toBe("open");
  const decided = await api<RequestDetails>(await tokenOf(ben), "POST", path, { option: "yes" });
  expect(decided).toMatchObject({
    status: 200,
    body: { state: "decided", decision: { optionId: "yes", by: ben.me.person.id, byName: "Ben" } },
  });
  expect((await api(await tokenOf(ada), "POST", path, { option: "no" })).status).toBe(409);
  const answer = await until(async () =>
    (await postsOf(ada)).find((post) => post.text.includes("Decided yes (allow) by Ben")),
  );
  const shown = await until(async () =>
    (await postsOf(ada)).find((post) => post.text.includes("Deploy, decided by Ben")),
  );
  expect(shown.parts?.map((part) => part.type)).toEqual(["text"]);

  const { body } = await api<Explanation>(OPERATOR, "GET", `/api/explain/${answer.id}`);
  const approvals = body.steps.filter((step) => step.outcome === "approval").map((step) => step.detail?.["outcome"]);
  expect(approvals).toEqual(["asked", "submitted", "submitted", "decided"]);
});

// A deleted text is gone within a minute, which is longer than other tests take.
it("shows the page what was decided at once, to everybody in the room, and forgets the question with its message", {
  timeout: 100_000,
}, async () => {
  const request = await ask("ask please");
  const question = await until(async () =>
    (await postsOf(ben)).find((post) => post.parts?.some((part) => part.type === "approval_request")),
  );
  const socket = await ada.client.socket();
  await ben.client.ok("POST", `/messages/${question.id}/actions`, {
    clientActionId: randomUUID(),
    actionId: "deploy",
    value: "no",
  });
  const frame = await socket.next(
    "post",
    ({ post }) => post.id === question.id && post.text.includes("decided by Ben"),
  );
  expect(frame.post.parts?.map((part) => part.type)).toEqual(["text"]);
  await until(async () => (await postsOf(ada)).find((post) => post.text.includes("Heard deploy=no.")));
  socket.raw.close();

  // Whoever comes second is told alone by whom it was decided, and nothing changes.
  const late = { actionId: "deploy", value: "yes" };
  for (const clicks of [1, 2]) {
    await ada.client.ok("POST", `/messages/${question.id}/actions`, { clientActionId: randomUUID(), ...late });
    const told = await until(async () => {
      const found = (await postsOf(ada)).filter((post) => post.ephemeral && post.text.includes("came too late"));
      return found.length === clicks ? found : undefined;
    });
    expect(told[0]?.text).toContain("decided by Ben");
  }
  expect((await postsOf(ben)).some((post) => post.text.includes("came too late"))).toBe(false);
  expect((await postsOf(ben)).find((post) => post.id === question.id)).toMatchObject({
    text: expect.stringContaining("decided by Ben"),
    answers: [{ personName: "Ben", value: "no" }],
  });
  const nothing = { clientActionId: randomUUID(), ...late };
  const plain = (await postsOf(ada)).find((post) => post.author.kind === "person");
  expect((await ada.client.request("POST", `/messages/${plain?.id}/actions`, nothing)).status).toBe(404);

  const again = await ask("live and delete");
  const trigger = await until(async () =>
    (await postsOf(ada)).find((post) => post.text.includes("live and delete") && post.author.kind === "person"),
  );
  await ada.client.ok("DELETE", `/messages/${trigger.id}`);
  const gone = await until(async () => {
    const { body } = await api<RequestDetails>(OPERATOR, "GET", `/api/requests/${again.id}`);
    return body.state === "cancelled" && body.prompt === undefined ? body : undefined;
  }, 60_000);
  expect(gone.part).toBeNull();
  expect(request.live).toBe(false);
});
