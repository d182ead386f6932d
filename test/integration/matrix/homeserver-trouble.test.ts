import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { defineAgent } from "../../../agents/shared/agent-function.ts";
import { type MatrixApp, startMatrixApp } from "../../support/app/matrix-app.ts";
import { until } from "../../support/app/slack-app.ts";
import { CALLS, isRedacted, type MatrixPerson, RoomLog, relationOf } from "../../support/matrix/index.ts";

/** Homeserver restarts between an answer that got lost and its retry. */
const TRIALS = 3;
const PATIENCE_MS = 60_000;

const echo = defineAgent(async function* (request) {
  yield `heard: ${request.trigger.text}`;
});

/** Answers to a sync that no homeserver should give. */
const HOSTILE: readonly (readonly [string, (answer: Buffer) => Buffer | string])[] = [
  ["no JSON", () => "{"],
  ["no UTF-8", () => Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d])],
  ["a list", () => "[]"],
  ["null", () => "null"],
  ["a position that is a number", (answer) => changed(answer, { next_batch: 7 })],
  ["no position", (answer) => changed(answer, { next_batch: undefined })],
  ["rooms that are a text", (answer) => changed(answer, { rooms: "all of them" })],
  ["rooms that are a list", (answer) => changed(answer, { rooms: { join: [1, null, "x"] } })],
  ["rooms without sense", (answer) => changed(answer, { rooms: { join: { "": 7, "!a:b": null, x: [] }, leave: 3 } })],
  [
    "timelines without sense",
    (answer) => changed(answer, { rooms: { join: { "!a:b": { timeline: { events: { length: 3 } }, state: "no" } } } }),
  ],
  [
    "a room that nobody knows, with events of every kind of wrong",
    (answer) =>
      changed(answer, {
        rooms: {
          join: { "!nowhere:parley.test": { timeline: { events: [1, null, [], {}, { type: 7 }], limited: true } } },
        },
      }),
  ],
  [
    "account data without sense",
    (answer) => changed(answer, { account_data: { events: [{ type: "m.direct", content: [] }] } }),
  ],
  ["ten megabytes of nothing", (answer) => changed(answer, { padding: "x".repeat(10_000_000) })],
];

function changed(answer: Buffer, changes: object): string {
  return JSON.stringify({ ...(JSON.parse(answer.toString()) as object), ...changes }); // Synapse's own form
}

describe.each(["bot", "service"] as const)("with a homeserver in trouble, %s", (mode) => {
  let parley: MatrixApp;
  let mara: MatrixPerson;
  let log: RoomLog;
  let room: string;

  beforeAll(async () => {
    parley = await startMatrixApp([{ handle: "echo", name: "Echo", connector: { kind: "function", run: echo } }], {
      mode,
    });
    mara = await parley.person("Mara");
    log = new RoomLog(parley.synapse.url, mara.account.accessToken);
    room = await parley.room(mara, ["echo"]);
  }, 120_000);

  afterAll(async () => {
    await parley.close();
  });

  function ask(words: string, roomId: string = room): Promise<string> {
    const account = parley.accountOf("echo");
    return mara.say(roomId, mode === "bot" ? `@echo ${words}` : `${account} ${words}`, { mentions: [account] });
  }

  /** How often the agent said the words; edits of one message are one. */
  async function timesSaid(words: string, roomId: string = room): Promise<number> {
    const said = (await log.events(roomId)).filter(
      (event) =>
        event.type === "m.room.message" &&
        event.sender === parley.accountOf("echo") &&
        !isRedacted(event) &&
        relationOf(event).rel_type !== "m.replace" &&
        String(event.content["body"]).includes(words),
    );
    return said.length;
  }

  it("answers once, although the homeserver restarts between a lost answer and its retry", async () => {
    for (let trial = 0; trial < TRIALS; trial++) {
      const before = parley.proxy.log.of({ path: CALLS.send }).length;
      parley.proxy.strike({ kind: "drop", when: "after", match: { path: CALLS.send, roomId: room } });
      const words = `trial ${trial} of restarts`;
      await ask(words);
      await until(() => parley.proxy.log.of({ path: CALLS.send }).length > before, PATIENCE_MS);
      if (trial % 2 === 0) await parley.synapse.kill9();
      await parley.synapse.restart();
      await until(async () => (await timesSaid(words)) > 0, PATIENCE_MS);
      // Whoever comes next comes after every retry of the one before.
      await ask(`next ${trial}`);
      await until(async () => (await timesSaid(`next ${trial}`)) > 0, PATIENCE_MS);
      expect(await timesSaid(words)).toBe(1);
    }
  }, 180_000);

  it("delays what the homeserver limits, loses nothing of it, and answers in other rooms meanwhile", async () => {
    const other = await parley.room(mara, ["echo"]);
    const early = parley.proxy.log.early().length;
    const relent = parley.proxy.strike({
      kind: "rate_limited",
      retryAfterMs: 1_500,
      match: { path: CALLS.send, roomId: room },
      times: Number.POSITIVE_INFINITY,
    });
    await ask("limited words");
    await until(
      () => parley.proxy.log.of({ path: CALLS.send, roomId: room }).some((call) => call.status === 429),
      PATIENCE_MS,
    );
    await ask("free words", other);
    await until(async () => (await timesSaid("free words", other)) > 0, PATIENCE_MS);
    expect(await timesSaid("limited words")).toBe(0);
    relent();
    await until(async () => (await timesSaid("limited words")) > 0, PATIENCE_MS);
    expect(await timesSaid("limited words")).toBe(1);
    expect(parley.proxy.log.early().length).toBe(early);
  }, 120_000);

  // An application service asks for nothing; what is pushed to it, the contract's checks make up.
  if (mode === "service") return;
  it("goes on after whatever a sync answer holds", async () => {
    for (const [name, change] of HOSTILE) {
      const handedOut = Promise.withResolvers<void>();
      parley.proxy.interrupt({ path: CALLS.sync }, (answer) => {
        handedOut.resolve();
        return change(answer);
      });
      // What is said before belongs to the answer that is spoilt, and is lost with it.
      await handedOut.promise;
      const words = `after ${name}`;
      await ask(words);
      await until(async () => (await timesSaid(words)) > 0, PATIENCE_MS);
    }
    expect(parley.proxy.log.of({ path: CALLS.sync }).length).toBeGreaterThan(HOSTILE.length);
  }, 300_000);
});
