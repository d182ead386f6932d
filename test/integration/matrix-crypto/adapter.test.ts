import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { createRecoveryKey } from "../../../adapters/matrix/crypto/client-recovery-key.ts";
import { contentToText } from "../../../src/envelope/content.ts";
import {
  CALLS,
  EncryptedPerson,
  type FaultProxy,
  type MatrixAccount,
  RoomLog,
  type Synapse,
  startFaultProxy,
  startSynapse,
} from "../../support/matrix/index.ts";
import { recordedState } from "../../support/recorded-state.ts";
import { postsOf, type Running, startAdapter, targetOf, text } from "../matrix/harness.ts";

let synapse: Synapse;
let proxy: FaultProxy;
let alice: EncryptedPerson;
let log: RoomLog;

beforeAll(async () => {
  synapse = await startSynapse();
  proxy = await startFaultProxy(() => synapse.url);
  alice = await EncryptedPerson.start(synapse.url, await synapse.register());
  log = new RoomLog(synapse.url, alice.account.accessToken);
}, 180_000);
afterAll(async () => {
  alice?.stop();
  await proxy?.close();
  await synapse?.stop();
});

const FILE = {
  type: "artifact" as const,
  artifactId: "file",
  name: "answer.txt",
  mediaType: "text/plain",
  base64: Buffer.from("inside").toString("base64"),
};

/** Starts the adapter on an account, which goes on from what `lasting` holds. */
async function running(
  bot: MatrixAccount,
  options: { recoveryKey?: string; lasting?: ReturnType<typeof recordedState> } = {},
): Promise<Running> {
  const { recoveryKey, lasting } = options;
  const run = await startAdapter(
    {
      homeserverUrl: proxy.url,
      accessToken: bot.accessToken,
      ...(recoveryKey === undefined ? {} : { encryption: true, recoveryKey }),
    },
    lasting,
  );
  onTestFinished(() => run.stop());
  return run;
}

async function roomWith(run: Running, bot: MatrixAccount): Promise<string> {
  const room = await alice.createRoom({ encrypted: true, invite: [bot.userId] });
  await run.event("member_joined", ({ body }) => body.self);
  await alice.sees(room, [bot.userId]);
  return room;
}

async function readable(room: string, sender: string) {
  const events = (await log.events(room)).filter((event) => event.sender === sender && event.state_key === undefined);
  return await Promise.all(events.map(async (event) => ({ sent: event, read: await alice.open(event) })));
}

/** Ids of the messages of one person, in the order in which they were taken. */
function heardBy(run: Running, senderId: string): readonly string[] {
  return run.taken.flatMap(({ envelope }) =>
    envelope.kind === "message_created" && envelope.sender.id === senderId ? [envelope.body.messageId] : [],
  );
}

describe("the adapter in encrypted rooms", { timeout: 60_000 }, () => {
  test("hears messages, edits, reactions and files, and answers in the same kinds", async () => {
    const bot = await synapse.register();
    const run = await running(bot, { recoveryKey: createRecoveryKey() });
    const room = await roomWith(run, bot);

    const messageId = await alice.say(room, "a secret @guide");
    const heard = await run.event("message_created", ({ body }) => body.messageId === messageId);
    expect(contentToText(heard.body.content)).toContain("a secret");
    await alice.edit(room, messageId, "another secret");
    const edited = await run.event("message_edited", ({ body }) => body.messageId === messageId);
    expect(contentToText(edited.body.content)).toContain("another secret");
    await alice.react(room, messageId, "👍");
    await run.event("reaction_added", ({ body }) => body.messageId === messageId);
    const bytes = new Uint8Array(randomBytes(5_000));
    const fileId = await alice.sendFile(room, { name: "plan.bin", bytes, mediaType: "application/octet-stream" });
    const withFile = await run.event("message_created", ({ body }) => body.messageId === fileId);
    const mediaId = withFile.body.content.flatMap((block) => ("mediaId" in block ? [block.mediaId] : []))[0] ?? "";
    const fetched = await run.adapter.features.media?.fetch({
      installationId: run.installationId,
      mediaId,
      maxBytes: 10_000,
      signal: new AbortController().signal,
    });
    expect(Buffer.from(fetched?.bytes ?? []).equals(bytes)).toBe(true);

    const target = targetOf(run, heard, messageId);
    const receipts: string[] = [];
    for (const post of postsOf(run, target, [text("a **secret** answer"), FILE]))
      receipts.push((await run.adapter.send(post)).messageId);
    const [first] = postsOf(run, target, [text("a better answer")]);
    if (first === undefined) throw new Error("nothing was rendered");
    await run.adapter.send({ ...first, edit: { messageId: receipts[0] ?? "", preview: false } });
    await run.adapter.features.react?.add(target, messageId, "✅", new AbortController().signal);

    const said = await readable(room, bot.userId);
    expect(said.map(({ sent }) => sent.type)).toEqual([
      "m.room.encrypted",
      "m.room.encrypted",
      "m.room.encrypted",
      "m.reaction",
    ]);
    expect(said[0]?.read.content["body"]).toContain("secret");
    expect(said[0]?.sent.content["m.relates_to"]).toMatchObject({ rel_type: "m.thread", event_id: messageId });
    expect(Buffer.from(await alice.openFile(said[1]?.read.content["file"])).toString()).toBe("inside");
    expect(said[2]?.read.content["m.new_content"]).toMatchObject({ body: expect.stringContaining("a better answer") });
    expect(JSON.stringify(said.map(({ sent }) => sent))).not.toMatch(/secret|better/u);
  });

  test("goes on after a restart: what was said meanwhile is heard, once, and an unsure answer is found again", async () => {
    const bot = await synapse.register();
    const recoveryKey = createRecoveryKey();
    const lasting = recordedState();
    const first = await running(bot, { recoveryKey, lasting });
    const room = await roomWith(first, bot);
    const before = await alice.say(room, "before");
    const heard = await first.event("message_created", ({ body }) => body.messageId === before);
    const [post] = postsOf(first, targetOf(first, heard), [text("answer")]);
    if (post === undefined) throw new Error("nothing was rendered");
    const { messageId } = await first.adapter.send(post);
    await first.stop();
    const missed = [await alice.say(room, "one"), await alice.say(room, "two")];

    const second = await running(bot, { recoveryKey, lasting });
    for (const id of missed) await second.event("message_created", ({ body }) => body.messageId === id);
    expect(heardBy(second, alice.userId)).toEqual(missed);
    const query = {
      ...post,
      preview: false,
      knownMessageIds: [],
      attemptedSince: new Date(Date.now() - 60_000).toISOString(),
    };
    expect(await second.adapter.reconcile(query)).toMatchObject({ found: { messageId } });
    expect(second.adapter.health()).toMatchObject([{ state: "connected" }]);
    expect(second.adapter.health()[0]?.detail).toBeUndefined();
  });

  test("with encryption off writes nothing into encrypted rooms, and uploads nothing for them", async () => {
    const bot = await synapse.register();
    const run = await running(bot);
    const room = await roomWith(run, bot);
    const joined = await run.event("member_joined", ({ body }) => body.self);
    for (const post of postsOf(run, targetOf(run, joined), [text("in the clear?"), FILE]))
      await expect(run.adapter.send(post)).rejects.toMatchObject({ code: "PLATFORM_FORBIDDEN", delivery: "not_sent" });
    expect(await readable(room, bot.userId)).toEqual([]);
    expect(proxy.log.of({ path: CALLS.upload, token: bot.accessToken })).toEqual([]);
  });

  test("a wrong recovery key is one clear fault, and nobody is asked again and again", async () => {
    const bot = await synapse.register();
    const lasting = recordedState();
    const first = await running(bot, { recoveryKey: createRecoveryKey(), lasting });
    await first.stop();
    const run = await running(bot, { recoveryKey: createRecoveryKey(), lasting });
    const asked = proxy.log.entries.length;
    expect(run.adapter.health()).toMatchObject([
      {
        state: "failed",
        detail: expect.stringMatching(/was made with another key/u),
      },
    ]);
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect(proxy.log.entries.slice(asked)).toEqual([]);
  });
});
