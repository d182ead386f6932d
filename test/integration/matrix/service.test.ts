import { randomBytes } from "node:crypto";
import { type FastifyInstance, fastify } from "fastify";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { matrixRegistration } from "../../../adapters/matrix/registration.ts";
import {
  MatrixApi,
  MatrixPerson,
  PushRouter,
  RoomLog,
  type Synapse,
  startFaultProxy,
  startSynapse,
} from "../../support/matrix/index.ts";
import { AGENT, postsOf, type Running, startAdapter, targetOf, text, until } from "./harness.ts";

const tokens = { appServiceToken: randomBytes(16).toString("hex"), homeserverToken: randomBytes(16).toString("hex") };
let router: PushRouter;
let synapse: Synapse;
let alice: MatrixPerson;
let log: RoomLog;
let run: Running;
let server: FastifyInstance;
let url: string;

beforeAll(async () => {
  router = await PushRouter.start();
  const registration = {
    ...tokens,
    url: router.addressOf("parley"),
    senderLocalpart: "parley",
    puppetPrefix: "parley_",
  };
  synapse = await startSynapse({ applicationServices: [matrixRegistration(registration)] });
  alice = await person("alice");
  log = new RoomLog(synapse.url, alice.account.accessToken);
  await serve();
}, 180_000);

afterAll(async () => {
  await run?.stop();
  await server?.close();
  await synapse?.stop();
  await router?.stop();
});

async function serve(lasting?: Running["sink"]["lasting"], homeserverUrl = synapse.url): Promise<void> {
  server = fastify({ forceCloseConnections: true });
  run = await startAdapter({ homeserverUrl, ...tokens }, lasting, server);
  url = await server.listen({ host: "127.0.0.1", port: 0 });
  router.route("parley", { url, hsToken: tokens.homeserverToken });
}

async function person(name: string): Promise<MatrixPerson> {
  const localpart = `${name}-${randomBytes(3).toString("hex")}`;
  return new MatrixPerson(synapse.url, await synapse.register({ localpart, displayName: name }));
}

const puppet = (handle: string): string => `@parley_${handle}:${synapse.serverName}`;

describe("an application service", { timeout: 60_000 }, () => {
  test("makes an agent's account when it is invited, joins, and answers what was said meanwhile", async () => {
    const room = await alice.createRoom({ name: "lab" });
    await alice.invite(room, puppet("guide"));
    const early = await alice.say(room, "hello", { mentions: [puppet("guide")] });
    const heard = await run.event("message_created", ({ body }) => body.messageId === early);
    expect(heard).toMatchObject({
      conversation: { channel: { id: room, kind: "private", agents: ["guide"] } },
      sender: { id: alice.userId, self: false },
      body: { mentions: { agents: ["guide"], bot: false } },
    });
    expect(run.taken.find(({ envelope }) => envelope.dedupeKey === heard.dedupeKey)?.context).toBe(false);
    const [post] = postsOf(run, targetOf(run, heard), [text("I am the guide")]);
    if (post === undefined) throw new Error("nothing was rendered");
    const { messageId } = await run.adapter.send(post);
    const sent = (await log.events(room)).find((event) => event.event_id === messageId);
    expect(sent).toMatchObject({ sender: puppet("guide"), content: { body: "I am the guide", "m.mentions": {} } });
    const own = await run.event("message_created", ({ body }) => body.messageId === messageId);
    expect(own.sender).toMatchObject({ kind: "agent", agent: "guide", self: true });
    const members = await run.adapter.features.members?.list(post.target, post.signal);
    expect(members?.find((one) => one.id === puppet("guide"))).toMatchObject({ name: "guide", self: true });
  });

  test("reads a room as an account that is in it, in a process that has heard nothing of it", async () => {
    const room = await alice.createRoom({ name: "only the guide", invite: [puppet("guide")] });
    const asked = await alice.say(room, "hello", { mentions: [puppet("guide")] });
    const heard = await run.event("message_created", ({ body }) => body.messageId === asked);
    const sender = await startAdapter({ homeserverUrl: synapse.url, ...tokens, receive: false }, run.sink.lasting);
    const [post] = postsOf(sender, targetOf(run, heard), [text("from elsewhere")]);
    if (post === undefined) throw new Error("nothing was rendered");
    await sender.adapter.send(post);
    await sender.stop();
    expect(JSON.stringify(sender.sink.logged)).not.toContain("could not be read");
    const said = (await log.events(room)).filter(({ type }) => type === "m.room.message");
    expect(said.map((event) => event.sender)).toEqual([alice.userId, puppet("guide")]);
  });

  test("takes what is said in a room only when it knows who is there", async () => {
    const room = await alice.createRoom({ name: "unread", invite: [puppet("guide")] });
    const first = await alice.say(room, "hello", { mentions: [puppet("guide")] });
    await run.event("message_created", ({ body }) => body.messageId === first);
    await run.stop();
    await server.close();
    const proxy = await startFaultProxy(() => synapse.url);
    const path = /\/state$/u;
    proxy.strike({ kind: "status", status: 503, when: "before", match: { path, roomId: room }, times: 2 });
    await serve(run.sink.lasting, proxy.url);
    const later = await alice.say(room, "still there?", { mentions: [puppet("guide")] });
    const heard = await run.event("message_created", ({ body }) => body.messageId === later);
    expect(heard.conversation.channel.agents).toEqual(["guide"]);
    expect(proxy.log.entries.filter((entry) => path.test(entry.path) && entry.status === 503)).toHaveLength(2);
    await run.stop();
    await server.close();
    await serve(run.sink.lasting);
    await proxy.close();
  });

  test("speaks as each agent, and brings in one who is not there yet", async () => {
    const room = await alice.createRoom({ name: "two" });
    await alice.invite(room, `@parley:${synapse.serverName}`);
    await run.event("member_joined", ({ conversation, body }) => conversation.channel.id === room && body.self);
    const asked = await alice.say(room, "@guide and @assistant?");
    const heard = await run.event("message_created", ({ body }) => body.messageId === asked);
    expect(heard.conversation.channel.agents).toBeUndefined();
    expect(heard.body.mentions.agents).toEqual(["guide", "assistant"]);
    await alice.setPower(room, { [`@parley:${synapse.serverName}`]: 50 });
    for (const handle of ["guide", "assistant"]) {
      const identity = { ...AGENT, agentId: `agent-${handle}`, handle, name: handle };
      const [post] = postsOf(run, targetOf(run, heard), [text(`I am ${handle}`)], identity);
      if (post !== undefined) await run.adapter.send(post);
    }
    const senders = (await log.events(room))
      .filter(({ type }) => type === "m.room.message")
      .map(({ sender }) => sender);
    expect(senders).toEqual([alice.userId, puppet("guide"), puppet("assistant")]);
  });

  test("a direct message with an agent is one, also after a restart", async () => {
    const room = await alice.createRoom({ direct: true, invite: [puppet("assistant")] });
    const early = await alice.say(room, "psst");
    const heard = await run.event("message_created", ({ body }) => body.messageId === early);
    expect(heard.conversation.channel).toMatchObject({ kind: "direct", agents: ["assistant"] });
    await run.stop();
    await server.close();
    await serve(run.sink.lasting);
    const later = await alice.say(room, "still there?");
    const again = await run.event("message_created", ({ body }) => body.messageId === later);
    expect(again.conversation.channel).toMatchObject({ kind: "direct", agents: ["assistant"] });
  });

  test("takes what the homeserver never pushed, also what somebody has replied to meanwhile", async () => {
    const room = await alice.createRoom({ name: "gaps" });
    await alice.invite(room, puppet("guide"));
    await run.event("member_joined", ({ conversation, body }) => conversation.channel.id === room && body.self);
    const before = await alice.say(room, "before");
    await run.event("message_created", ({ body }) => body.messageId === before);
    router.route("parley", undefined);
    const lost = await alice.say(room, "lost on its way");
    await until(
      () => (router.pushes.some((push) => push.eventIds.includes(lost)) ? true : undefined),
      () => "nothing was pushed",
    );
    router.route("parley", { url, hsToken: tokens.homeserverToken });
    const reply = await alice.say(room, "a reply", { replyTo: lost });
    await run.event("message_created", ({ body }) => body.messageId === reply);
    // A transaction that comes again tells that its answer was never heard.
    for (let time = 0; time < 2; time++) expect(await router.push("parley", "again", '{"events":[]}')).toBe(200);
    await run.event("message_created", ({ body }) => body.messageId === lost);
    const times = run.taken.filter(
      ({ envelope }) => envelope.kind === "message_created" && envelope.body.messageId === before,
    );
    expect(times).toHaveLength(1);
  });

  test("follows an upgrade, and closes the old room", async () => {
    const room = await alice.createRoom({ name: "v11", version: "11" });
    await alice.invite(room, puppet("guide"));
    await run.event("member_joined", ({ conversation, body }) => conversation.channel.id === room && body.self);
    const next = await alice.upgrade(room, "12");
    await run.event("channel_archived", ({ conversation }) => conversation.channel.id === room);
    await alice.invite(next, puppet("guide")).catch(() => undefined);
    await until(
      async () => ((await log.members(next)).get(puppet("guide")) === "join" ? true : undefined),
      () => "the new room was not entered",
    );
    const said = await alice.say(next, "here");
    const heard = await run.event("message_created", ({ body }) => body.messageId === said);
    const access = run.adapter.features.access;
    const target = targetOf(run, heard);
    const signal = new AbortController().signal;
    expect(await access?.check({ target, memberId: alice.userId, signal })).toMatchObject({
      post: true,
      moderate: true,
      rule: "creator",
    });
    expect(await access?.check({ target, memberId: "@nobody:parley.test", signal })).toMatchObject({ read: false });
  });

  test("knows no account that is no agent's, and nobody but its homeserver", async () => {
    const api = new MatrixApi(url, tokens.homeserverToken);
    await expect(
      api.call("GET", `/_matrix/app/v1/users/${encodeURIComponent(puppet("nobody"))}`),
    ).rejects.toMatchObject({ status: 404 });
    await expect(api.call("GET", `/_matrix/app/v1/users/${encodeURIComponent(puppet("guide"))}`)).resolves.toEqual({});
    await expect(api.call("GET", "/_matrix/app/v1/rooms/%23x%3Ay")).rejects.toMatchObject({ status: 404 });
    await expect(api.call("POST", "/_matrix/app/v1/ping", { body: {} })).resolves.toEqual({});
    await expect(new MatrixApi(url, "wrong").call("POST", "/_matrix/app/v1/ping", { body: {} })).rejects.toMatchObject({
      status: 403,
    });
  });
});
