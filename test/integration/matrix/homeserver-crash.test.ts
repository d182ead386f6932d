import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { defineAgent } from "../../../agents/shared/agent-function.ts";
import { type MatrixApp, startMatrixApp } from "../../support/app/matrix-app.ts";
import { until } from "../../support/app/slack-app.ts";
import { type MatrixPerson, RoomLog } from "../../support/matrix/index.ts";

const PATIENCE_MS = 90_000;
/** Time for the homeserver to put an event behind the transaction that is under way, in ms. */
const QUEUED_MS = 2_000;
/** Tries of the homeserver, each twice as long after the one before. */
const TRIES = 5;
/** Less than the homeserver would wait for its next try, in ms. */
const WOKEN_MS = 25_000;

const echo = defineAgent(async function* (request) {
  yield `heard: ${request.trigger.text}`;
});

let parley: MatrixApp;
let mara: MatrixPerson;

beforeAll(async () => {
  parley = await startMatrixApp([{ handle: "echo", name: "Echo", connector: { kind: "function", run: echo } }], {
    mode: "service",
  });
  mara = await parley.person("Mara");
}, 120_000);

afterAll(() => parley.close());

function ask(roomId: string, words: string): Promise<string> {
  const account = parley.accountOf("echo");
  return mara.say(roomId, `${account} ${words}`, { mentions: [account] });
}

async function answers(roomId: string): Promise<string[]> {
  const log = new RoomLog(parley.synapse.url, mara.account.accessToken);
  return (await log.events(roomId)).flatMap((event) =>
    event.type === "m.room.message" && event.sender === parley.accountOf("echo") ? [String(event.content["body"])] : [],
  );
}

it("answers what waited in the homeserver's memory for its turn to be pushed when that died", async () => {
  const [room, other] = [await parley.room(mara, ["echo"]), await parley.room(mara, ["echo"])];
  for (const [index, roomId] of [room, other].entries()) {
    await ask(roomId, `before ${index}`);
    await until(async () => (await answers(roomId)).length === 1, PATIENCE_MS);
  }
  const locked = Promise.withResolvers<void>();
  const over = Promise.withResolvers<void>();
  // Nothing can be stored: the transaction with the first event stays under way.
  const holding = parley.ledger.transaction(async (tx) => {
    await tx.query({ text: "lock table events in exclusive mode" });
    locked.resolve();
    await over.promise;
  });
  await locked.promise;
  const first = await ask(room, "first");
  await until(() => parley.pushes.some((push) => push.eventIds.includes(first)), PATIENCE_MS);
  const second = await ask(other, "second");
  await delay(QUEUED_MS);
  await parley.synapse.kill9();
  over.resolve();
  await holding;
  await parley.synapse.restart();
  await until(async () => (await answers(other)).length > 1, PATIENCE_MS);
  await until(async () => (await answers(room)).length > 1, PATIENCE_MS);
  // Whoever comes next comes after everything that may come twice.
  await ask(other, "third");
  await until(async () => (await answers(other)).some((words) => words.includes("third")), PATIENCE_MS);
  expect(parley.pushes.filter((push) => push.eventIds.includes(second))).toEqual([]);
  expect((await answers(room)).filter((words) => words.includes("first"))).toHaveLength(1);
  expect((await answers(other)).filter((words) => words.includes("second"))).toHaveLength(1);
}, 240_000);

it("is pushed what was said while it was away as soon as it is there again, however long the homeserver would wait", async () => {
  const room = await parley.room(mara, ["echo"]);
  await ask(room, "before");
  await until(async () => (await answers(room)).length === 1, PATIENCE_MS);
  const pushed = parley.pushes.length;
  await parley.restart(async () => {
    await ask(room, "meanwhile");
    // By then the homeserver's next try is more than half a minute away.
    await until(() => parley.pushes.length - pushed >= TRIES, PATIENCE_MS);
  });
  await until(async () => (await answers(room)).some((words) => words.includes("meanwhile")), WOKEN_MS);
  expect((await answers(room)).filter((words) => words.includes("meanwhile"))).toHaveLength(1);
}, 240_000);
