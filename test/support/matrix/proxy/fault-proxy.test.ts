import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import {
  CALLS,
  type Fault,
  type FaultProxy,
  MatrixPerson,
  MatrixRefusal,
  RoomLog,
  type Synapse,
  startFaultProxy,
  startSynapse,
} from "../index.ts";

let synapse: Synapse;
let proxy: FaultProxy;
let alice: MatrixPerson;
let log: RoomLog;

beforeAll(async () => {
  synapse = await startSynapse();
  proxy = await startFaultProxy(() => synapse.url);
  const account = await synapse.register();
  alice = new MatrixPerson(proxy.url, account);
  log = new RoomLog(synapse.url, account.accessToken);
});

afterAll(async () => {
  await proxy.close();
  await synapse.stop();
});

const faults: readonly [string, Omit<Fault, "match">, string, number][] = [
  ["429", { kind: "rate_limited", retryAfterMs: 1_000 } as Fault, "M_LIMIT_EXCEEDED", 0],
  ["502 before", { kind: "status", status: 502, when: "before" } as Fault, "not valid JSON", 0],
  ["502 after", { kind: "status", status: 502, when: "after" } as Fault, "not valid JSON", 1],
  ["a refusal", { kind: "refused", status: 403, errcode: "M_FORBIDDEN" } as Fault, "M_FORBIDDEN", 0],
  ["a drop before", { kind: "drop", when: "before" } as Fault, "fetch failed", 0],
  ["a drop after", { kind: "drop", when: "after" } as Fault, "fetch failed", 1],
  ["half an answer", { kind: "half" } as Fault, "terminated", 1],
  ["a page", { kind: "page", when: "before" } as Fault, "not valid JSON", 0],
];

it.each(faults)("strikes one call with %s, and the homeserver knows best", async (_name, fault, complaint, written) => {
  const room = await alice.createRoom();
  proxy.strike({ ...fault, match: { path: CALLS.send, roomId: room } } as Fault);
  await expect(alice.say(room, "first")).rejects.toThrow(complaint);
  const bodies = async (): Promise<unknown[]> =>
    (await log.events(room)).flatMap((event) => event.content["body"] ?? []);
  expect(await bodies()).toHaveLength(written);
});

it("knows who calls again before the pause that a fault named is over", async () => {
  const room = await alice.createRoom();
  proxy.strike({ kind: "rate_limited", retryAfterMs: 1_000, match: { path: CALLS.send, roomId: room } });
  await expect(alice.say(room, "first")).rejects.toThrow("M_LIMIT_EXCEEDED");
  // Whatever is under way when the pause is told is excused.
  await pause(50);
  const early = proxy.log.early().length;
  await alice.say(room, "too early");
  expect(proxy.log.early().length - early).toBe(1);
});

it("knows the homeserver's own limits, and calls that do not keep to them", async () => {
  const strict = await startSynapse({ strictRates: true });
  const before = await startFaultProxy(() => strict.url);
  try {
    const bob = new MatrixPerson(before.url, await strict.register());
    const room = await bob.createRoom();
    const saying = async (): Promise<unknown> => await bob.say(room, "more").catch((error: unknown) => error);
    let answer = await saying();
    while (!(answer instanceof MatrixRefusal)) answer = await saying();
    expect(answer.errcode).toBe("M_LIMIT_EXCEEDED");
    await pause(50);
    await saying();
    expect(before.log.early()).toHaveLength(1);
  } finally {
    await before.close();
    await strict.stop();
  }
});

it("goes offline and comes back at the same address", async () => {
  await proxy.goOffline();
  await expect(alice.api.call("GET", "/_matrix/client/versions")).rejects.toThrow("fetch failed");
  await proxy.goOnline();
  await expect(alice.api.call("GET", "/_matrix/client/versions")).resolves.toHaveProperty("versions");
});

it("changes answers into whatever a hostile homeserver says", async () => {
  proxy.strike({ kind: "changed", change: () => Buffer.from([0x7b, 0xff, 0x7d]), match: { path: CALLS.sync } });
  await expect(alice.api.call("GET", "/_matrix/client/v3/sync")).rejects.toThrow("JSON");
  await expect(alice.api.call("GET", "/_matrix/client/v3/sync")).resolves.toHaveProperty("next_batch");
});

it("ends a call that waits, and lets it bring something that nobody said", async () => {
  const first = await alice.api.call<{ next_batch: string }>("GET", "/_matrix/client/v3/sync");
  const waiting = alice.api.call("GET", "/_matrix/client/v3/sync", {
    query: { since: first.next_batch, timeout: 20_000 },
  });
  proxy.interrupt({ path: CALLS.sync }, (answer) =>
    JSON.stringify({ ...(JSON.parse(answer.toString()) as object), rooms: { join: { "!made:up": {} } } }),
  );
  await expect(waiting).resolves.toMatchObject({ rooms: { join: { "!made:up": {} } } });
});
