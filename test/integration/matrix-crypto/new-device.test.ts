import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { createRecoveryKey } from "../../../adapters/matrix/crypto/client-recovery-key.ts";
import { contentToText } from "../../../src/envelope/content.ts";
import { Envelope, type EnvelopeInput } from "../../../src/envelope/envelope.ts";
import {
  CALLS,
  EncryptedPerson,
  type FaultProxy,
  logIn,
  type MatrixAccount,
  MatrixApi,
  RoomLog,
  type Synapse,
  startFaultProxy,
  startSynapse,
} from "../../support/matrix/index.ts";
import { type RecordedState, recordedState } from "../../support/recorded-state.ts";
import { postsOf, type Running, startAdapter, targetOf, text, until } from "../matrix/harness.ts";

const CLIENT = "/_matrix/client/v3";
let synapse: Synapse;
let proxy: FaultProxy;
let alice: EncryptedPerson;

beforeAll(async () => {
  synapse = await startSynapse();
  proxy = await startFaultProxy(() => synapse.url);
  alice = await EncryptedPerson.start(synapse.url, await synapse.register());
}, 180_000);
afterAll(async () => {
  alice?.stop();
  await proxy?.close();
  await synapse?.stop();
});

interface Scene {
  readonly bot: MatrixAccount;
  readonly room: string;
  readonly lasting: RecordedState;
  readonly installationId: string;
  /** Starts the adapter as this device of the account, on the ledger or a copy of it. */
  readonly run: (device: Pick<MatrixAccount, "accessToken">, state?: RecordedState) => Promise<Running>;
}

/** An account whose first device heard a message, backed its key up, and has stopped. */
async function afterFirstDevice(): Promise<Scene> {
  const bot = await synapse.register();
  const recoveryKey = createRecoveryKey();
  const lasting = recordedState();
  const run = async ({ accessToken }: Pick<MatrixAccount, "accessToken">, state = lasting): Promise<Running> => {
    const config = { homeserverUrl: proxy.url, accessToken, encryption: true, recoveryKey };
    const running = await startAdapter(config, state);
    onTestFinished(() => running.stop());
    return running;
  };
  const first = await run(bot);
  const room = await alice.createRoom({ encrypted: true, invite: [bot.userId] });
  await first.event("member_joined", ({ body }) => body.self);
  await alice.sees(room, [bot.userId]);
  await alice.say(room, "before");
  await until(
    () => (wordsOf(first).includes("before") ? true : undefined),
    () => "the first device heard nothing",
  );
  await backedUp(bot, 1);
  const { installationId } = first;
  await first.stop();
  return { bot, room, lasting, installationId, run };
}

/** What Alice said, in the order in which it was taken to be answered, or for context alone. */
function wordsOf(run: Running, isContext = false): readonly string[] {
  return run.taken.flatMap(({ envelope, context }) => (context === isContext ? saidIn(envelope) : []));
}

function saidIn(envelope: EnvelopeInput): readonly string[] {
  if (envelope.kind !== "message_created" || envelope.sender.id !== alice.userId) return [];
  const { body } = Envelope.parse(envelope);
  return "content" in body && body.content !== undefined ? [contentToText(body.content)] : [];
}

async function backedUp(account: MatrixAccount, count: number): Promise<void> {
  const api = new MatrixApi(synapse.url, account.accessToken);
  const holds = async (): Promise<true | undefined> =>
    Number((await api.call<{ count: number }>("GET", `${CLIENT}/room_keys/version`)).count) >= count ? true : undefined;
  await until(holds, () => `the backup holds fewer than ${count} keys`, 45_000);
}

/** Says words under a session of their own, so that no key of before opens them. */
async function sayUnderNewSession(room: string, ...words: readonly string[]): Promise<void> {
  await alice.rotate(room);
  for (const one of words) await alice.say(room, one);
}

/** A ledger with the same rows, as of now. */
async function copyOf(state: RecordedState, installationId: string): Promise<RecordedState> {
  const copy = recordedState();
  await copy.write(installationId, await state.read(installationId, ""));
  return copy;
}

/** Answers the last that was said; gives what alice reads of it. */
async function answered(run: Running, bot: MatrixAccount, words: string): Promise<unknown> {
  const heard = await run.event("message_created", ({ body }) => contentToText(body.content).includes(words));
  const [post] = postsOf(run, targetOf(run, heard), [text(`answer to ${words}`)]);
  if (post === undefined) throw new Error("nothing was rendered");
  const { messageId } = await run.adapter.send(post);
  const log = await new RoomLog(synapse.url, alice.account.accessToken).events(heard.conversation.channel.id);
  const sent = log.find((event) => event.event_id === messageId);
  if (sent === undefined) throw new Error("the answer is not in the room");
  expect([sent.type, sent.sender]).toEqual(["m.room.encrypted", bot.userId]);
  return (await alice.open(sent)).content["body"];
}

const healthOf = (run: Running) => run.adapter.health().map(({ state, detail }) => [state, detail]);
const fullStates = (token: string): number =>
  proxy.log.of({ path: CALLS.sync, token }).filter(({ query }) => query.get("full_state") === "true").length;

describe("a new device in the place of one that was lost", { timeout: 180_000 }, () => {
  test.each([
    ["still stands in the account", false],
    ["was logged out", true],
  ])("goes on where the account was, and says what it cannot read; the lost one %s", async (_name, isLoggedOut) => {
    const { bot, room, run } = await afterFirstDevice();
    const device = await logIn(synapse.url, bot.userId, bot.password);
    if (isLoggedOut) await new MatrixApi(synapse.url, bot.accessToken).call("POST", `${CLIENT}/logout`, { body: {} });
    // Nobody has the keys of the new device before it first runs: these go to the lost one alone.
    await sayUnderNewSession(room, "one meanwhile", "two meanwhile");

    const second = await run(device);
    await until(
      () => (second.adapter.health()[0]?.detail === undefined ? undefined : true),
      () => "nothing is said of what cannot be read",
    );
    expect(healthOf(second)).toEqual([["connected", "cannot decrypt 2 events"]]);
    expect(fullStates(device.accessToken)).toBe(1);
    await alice.knowsDevice(bot.userId, device.deviceId);
    await alice.say(room, "afterwards");
    expect(await answered(second, bot, "afterwards")).toContain("answer to afterwards");
    expect(wordsOf(second)).toEqual(["afterwards"]);
    expect(healthOf(second)).toEqual([["connected", "cannot decrypt 2 events"]]);
    await second.stop();

    // From now on it is a device like any other: the flag stands, and nothing comes again.
    await alice.say(room, "after a restart");
    const third = await run(device);
    expect(await answered(third, bot, "after a restart")).toContain("answer to after a restart");
    expect(wordsOf(third)).toEqual(["after a restart"]);
    expect(healthOf(third)).toEqual([["connected", "cannot decrypt 2 events"]]);
    expect(fullStates(device.accessToken)).toBe(1);
  });

  test("reads what was said meanwhile once its keys are in the backup, and then says nothing more of it", async () => {
    const { bot, room, run, lasting, installationId } = await afterFirstDevice();
    const device = await logIn(synapse.url, bot.userId, bot.password);
    await sayUnderNewSession(room, "one meanwhile", "two meanwhile");
    const second = await run(device, await copyOf(lasting, installationId));
    await until(
      () => (second.adapter.health()[0]?.detail === "cannot decrypt 2 events" ? true : undefined),
      () => "nothing is said of what cannot be read",
    );
    await second.stop();

    // The lost device is found again, and its keys come to the backup.
    const found = await run(bot, await copyOf(lasting, installationId));
    await until(
      () => (wordsOf(found).length === 2 ? true : undefined),
      () => "the first device did not read what was said to it",
    );
    await backedUp(bot, 2);
    await found.stop();
    const third = await run(device, second.sink.stored);
    await until(
      () => (wordsOf(third).length === 2 ? true : undefined),
      () => `heard ${wordsOf(third).join(", ")}`,
      45_000,
    );
    expect(wordsOf(third)).toEqual(["one meanwhile", "two meanwhile"]);
    await until(
      () => (third.adapter.health()[0]?.detail === undefined ? true : undefined),
      () => "it still says that it cannot read",
    );
  });

  test("of an account that has nothing in the ledger takes what was said before for context, and flags none of it", async () => {
    const { bot, room, run } = await afterFirstDevice();
    const device = await logIn(synapse.url, bot.userId, bot.password);
    await sayUnderNewSession(room, "to the lost one");
    const second = await run(device, recordedState());
    await until(
      () => (wordsOf(second, true).includes("before") ? true : undefined),
      () => "what is in the backup was not read",
      45_000,
    );
    expect(healthOf(second)).toEqual([["connected", undefined]]);
    expect(wordsOf(second)).toEqual([]);
  });
});
