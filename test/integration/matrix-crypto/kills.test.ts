import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Synapse, startSynapse } from "../../support/matrix/index.ts";
import type { KillPoint } from "../../support/matrix-crypto/bot-process.ts";
import { heardBodies, setStage, until } from "./stage.ts";

/** In each round one process dies; these at the moment named, the others some time after their start. */
const TARGETED: readonly (readonly [KillPoint, number])[] = [
  ["after-send", 1],
  ["keys-received", 1],
  ["session-shared", 1],
  ["before-token", 2],
  ["after-send", 2],
  ["before-send", 1],
  ["keys-received", 2],
];
const RANDOM_ROUNDS = 6;
const MAX_RANDOM_MS = 1_500;

let synapse: Synapse;
beforeAll(async () => {
  synapse = await startSynapse();
});
afterAll(async () => await synapse.stop());

test("thirteen kills lose no message, leave none unreadable, and repeat no answer", { timeout: 240_000 }, async () => {
  const stage = await setStage(synapse);
  const { person, bot } = stage;
  const ledger = await stage.embedded();
  const first = await stage.startBot(ledger);
  const room = await stage.room();
  await first.kill9();
  const said: string[] = [];
  const say = async (newSession: boolean): Promise<void> => {
    if (newSession) await person.call("rotate", room);
    said.push(`question ${said.length + 1}?`);
    await person.call("say", room, said.at(-1) ?? "");
  };
  for (const [point, passing] of TARGETED) {
    const process = stage.spawnBot({ ...ledger, kill: { point, passing } });
    // Each says something until the process is where it ends.
    let ended = false;
    void process.ended().then(() => (ended = true));
    await process.call("start").catch(() => undefined);
    for (let words = 0; !ended && words < 40; words += 1) {
      await say(words % 2 === 0);
      await Promise.race([process.ended(), pause(500)]);
    }
    expect([point, passing, ended]).toEqual([point, passing, true]);
  }
  for (let round = 0; round < RANDOM_ROUNDS; round += 1) {
    const process = stage.spawnBot(ledger);
    const began = process.call("start").catch(() => undefined);
    await say(true);
    // Some die while they open, the others at work.
    if (round % 3 !== 0) await began;
    const talk = say(round % 2 === 0);
    await pause(Math.random() * MAX_RANDOM_MS);
    await process.kill9();
    await talk;
  }
  const last = await stage.startBot(ledger);
  await until("everything is heard", async () => (await heardBodies(last)).length >= said.length, 30_000);
  expect([...(await heardBodies(last))].sort()).toEqual([...said].sort());
  expect(await last.call("health")).toBeUndefined();
  const answers = said.map((body) => `answer to ${body}`);
  expect(await person.call("missing", room, bot.userId, answers, 30_000)).toEqual([]);
  const shown = (await person.call("show", room)).filter(({ sender }) => sender === bot.userId);
  expect(shown.map(({ body }) => body).sort()).toEqual([...answers].sort());
  expect(await last.call("rejections")).toEqual([]);
});
