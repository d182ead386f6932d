import { randomBytes } from "node:crypto";
import { type FastifyInstance, fastify } from "fastify";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { matrixRegistration } from "../../../adapters/matrix/registration.ts";
import type { PrivateReply } from "../../../src/contracts/adapter-features.ts";
import { toParleyError } from "../../../src/errors/parley-error.ts";
import { MatrixPerson, PushRouter, RoomLog, type Synapse, startSynapse } from "../../support/matrix/index.ts";
import { AGENT, type Running, startAdapter, targetOf, text, until } from "./harness.ts";

const tokens = { appServiceToken: randomBytes(16).toString("hex"), homeserverToken: randomBytes(16).toString("hex") };
let router: PushRouter;
let synapse: Synapse;
let alice: MatrixPerson;
let bob: MatrixPerson;
let puppet: MatrixPerson;
let run: Running;
let server: FastifyInstance;
let room: string;

beforeAll(async () => {
  router = await PushRouter.start();
  const names = { senderLocalpart: "parley", puppetPrefix: "parley_" };
  const registration = matrixRegistration({ ...tokens, ...names, url: router.addressOf("parley") });
  synapse = await startSynapse({ applicationServices: [registration] });
  await serve();
}, 180_000);

afterAll(async () => {
  await run?.stop();
  await server?.close();
  await synapse?.stop();
  await router?.stop();
});

/** A new process, on the same stored state when there is one. */
async function serve(lasting?: Running["sink"]["lasting"]): Promise<void> {
  await run?.stop();
  await server?.close();
  server = fastify({ forceCloseConnections: true });
  run = await startAdapter({ homeserverUrl: synapse.url, ...tokens }, lasting, server);
  const url = await server.listen({ host: "127.0.0.1", port: 0 });
  router.route("parley", { url, hsToken: tokens.homeserverToken });
}

async function person(name: string): Promise<MatrixPerson> {
  const localpart = `${name}-${randomBytes(3).toString("hex")}`;
  return new MatrixPerson(synapse.url, await synapse.register({ localpart, displayName: name }));
}

beforeEach(async () => {
  alice = await person("alice");
  bob = await person("bob");
  room = await alice.createRoom({ name: "lab", invite: [bob.userId, `@parley_guide:${synapse.serverName}`] });
  await bob.join(room);
  await run.event("member_joined", (event) => event.conversation.channel.id === room && event.body.self);
  const account = {
    userId: `@parley_guide:${synapse.serverName}`,
    password: "",
    accessToken: tokens.appServiceToken,
    deviceId: "",
  };
  puppet = new MatrixPerson(synapse.url, account, { puppet: true });
});

afterEach(async () => {
  await alice.leave(room);
});

let shown = 0;

async function replyTo(who: MatrixPerson, words: string, key = `answer-${(shown += 1)}`): Promise<PrivateReply> {
  const eventId = await alice.say(room, "what do you know?");
  const asked = await run.event("message_created", ({ body }) => body.messageId === eventId);
  return {
    target: targetOf(run, asked),
    personId: who.userId,
    identity: AGENT,
    parts: [text(words)],
    idempotencyKey: key,
    signal: new AbortController().signal,
  };
}

/** Shows it; gives what stands against it. */
async function show(reply: PrivateReply): Promise<{ code: string; delivery: string; retry: string } | "shown"> {
  try {
    await run.adapter.features.privately?.show(reply);
    return "shown";
  } catch (thrown) {
    const error = toParleyError(thrown);
    return { code: error.code, delivery: error.delivery, retry: error.row.retry };
  }
}

const WAITS = { code: "PLATFORM_UNAVAILABLE", delivery: "not_sent", retry: "backoff" };
const NEVER = { code: "PLATFORM_FORBIDDEN", delivery: "not_sent", retry: "never" };

/** The direct room into which a person was invited now. */
async function invitedTo(who: MatrixPerson): Promise<string> {
  const found = await until(
    async () => (await who.invitations()).find(({ inviter }) => inviter === puppet.userId),
    () => "nobody invited the person",
  );
  expect(found.direct, "as to a direct message").toBe(true);
  return found.roomId;
}

async function textsIn(roomId: string, as: MatrixPerson): Promise<string[]> {
  const events = await new RoomLog(synapse.url, as.account.accessToken).events(roomId);
  return events.flatMap(({ type, content }) => (type === "m.room.message" ? [String(content["body"])] : []));
}

describe("a reply for one person alone", { timeout: 90_000 }, () => {
  test("waits until the person has joined the direct room, and is in no other", async () => {
    const reply = await replyTo(alice, "the cache holds the merger");
    expect(await show(reply)).toEqual(WAITS);
    const direct = await invitedTo(alice);
    expect(await puppet.state(direct, "m.room.history_visibility")).toEqual({ history_visibility: "joined" });
    expect(await bob.invitations()).toEqual([]);
    await alice.join(direct);
    expect(await textsIn(direct, alice)).toEqual([]);
    expect(await show(reply)).toBe("shown");
    expect(await textsIn(direct, alice)).toEqual(["the cache holds the merger"]);
    expect((await textsIn(room, bob)).join()).not.toContain("merger");
    await expect(bob.join(direct), "the room is nobody else's").rejects.toThrow(/403|FORBIDDEN/u);
    await expect(alice.invite(direct, bob.userId), "the person cannot let others in").rejects.toThrow(/403|FORBIDDEN/u);
  });

  test("goes to the same room the next time, also by another process", async () => {
    const first = show(await replyTo(alice, "one"));
    const direct = await invitedTo(alice);
    await alice.join(direct);
    expect(await first, "whoever joins at once is told at once").toBe("shown");
    await serve(run.sink.lasting);
    expect(await show(await replyTo(alice, "two"))).toBe("shown");
    expect(await textsIn(direct, alice)).toEqual(["one", "two"]);
    expect(await alice.invitations()).toEqual([]);
  });

  test("is not said where somebody else is invited: the next one gets a room of its own", async () => {
    const first = show(await replyTo(alice, "one"));
    const direct = await invitedTo(alice);
    await alice.join(direct);
    expect(await first).toBe("shown");
    await puppet.invite(direct, bob.userId);
    const second = await replyTo(alice, "two");
    expect(await show(second)).toEqual(WAITS);
    const fresh = await invitedTo(alice);
    expect(fresh).not.toBe(direct);
    await alice.join(fresh);
    // Before each message: also in a room that was good a moment ago.
    await puppet.invite(fresh, bob.userId);
    await bob.join(fresh);
    expect(await show(second)).toEqual(NEVER);
    for (const place of [direct, fresh]) expect((await textsIn(place, alice)).join()).not.toContain("two");
    expect((await textsIn(fresh, bob)).join()).not.toContain("two");
  });

  test("is not forced on whoever declines: they are asked anew for another answer only", async () => {
    const reply = await replyTo(alice, "one");
    expect(await show(reply)).toEqual(WAITS);
    const direct = await invitedTo(alice);
    await alice.leave(direct);
    expect(await show(reply)).toEqual(NEVER);
    expect(await alice.invitations()).toEqual([]);
    const next = show(await replyTo(alice, "two"));
    expect(await invitedTo(alice)).toBe(direct);
    await alice.join(direct);
    expect(await next).toBe("shown");
    expect(await textsIn(direct, alice)).toEqual(["two"]);
  });

  test("is for people of the room alone: nobody else is even invited", async () => {
    const carol = await person("carol");
    expect(await show(await replyTo(carol, "one"))).toMatchObject({ code: "TARGET_NOT_FOUND", delivery: "not_sent" });
    expect(await carol.invitations()).toEqual([]);
  });

  test("of two at once makes one room", async () => {
    const [one, two] = [await replyTo(alice, "one"), await replyTo(alice, "two")];
    const both = Promise.all([show(one), show(two)]);
    const direct = await invitedTo(alice);
    await alice.join(direct);
    await both;
    expect(await show(two).then(() => alice.invitations())).toEqual([]);
    expect(new Set(await textsIn(direct, alice))).toEqual(new Set(["one", "two"]));
  });
});

test("on a bot account too, which lists the room for its own clients", { timeout: 90_000 }, async () => {
  const bot = await person("helper");
  const own = await startAdapter({ homeserverUrl: synapse.url, accessToken: bot.account.accessToken });
  try {
    const lab = await alice.createRoom({ name: "bots", invite: [bot.userId] });
    await own.event("member_joined", (event) => event.conversation.channel.id === lab && event.body.self);
    const eventId = await alice.say(lab, "what do you know?");
    const asked = await own.event("message_created", ({ body }) => body.messageId === eventId);
    const showing = own.adapter.features.privately?.show({
      target: targetOf(own, asked),
      personId: alice.userId,
      identity: AGENT,
      parts: [text("one")],
      idempotencyKey: "bot-1",
      signal: new AbortController().signal,
    });
    const invitation = await until(
      async () => (await alice.invitations()).find(({ inviter }) => inviter === bot.userId),
      () => "the bot invited nobody",
    );
    await alice.join(invitation.roomId);
    await showing;
    expect(await textsIn(invitation.roomId, alice)).toEqual(["one"]);
    const path = `/_matrix/client/v3/user/${encodeURIComponent(bot.userId)}/account_data/m.direct`;
    expect(await bot.api.call("GET", path)).toEqual({ [alice.userId]: [invitation.roomId] });
  } finally {
    await own.stop();
  }
});
