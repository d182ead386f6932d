import { expect, it, vi } from "vitest";
import { created, stage, textOf, until } from "./stage.ts";

/** More failures than would fit into a quarter of an hour. */
const TRIES = 40;
/** Pauses of a second or more, which are those between tries. */
const pausesMs: number[] = [];

vi.mock(import("../../../adapters/shared/abortable-sleep.ts"), async (original) => {
  const real = await original();
  const abortableSleep: typeof real.abortableSleep = (ms, signal) => {
    if (ms >= 1_000) pausesMs.push(ms);
    return real.abortableSleep(Math.min(ms, 5), signal);
  };
  return { ...real, abortableSleep };
});

it("history that cannot be read for a long time is read once it can be", async () => {
  const { discord, server, channel, user, sink, start, nextSink } = await stage();
  const first = await start();
  discord.people.postAs(user, channel, "heard");
  await until(() => created(sink).length === 1);
  await first.stop();
  for (const n of [1, 2, 3]) discord.people.postAs(user, channel, `missed ${n}`);
  discord.gateway.forgetSessions(server.app.applicationId);
  discord.faults.add({ kind: "status_before", route: "GET /channels/:channel/messages" });
  const next = await nextSink();
  await start(next);
  const before = pausesMs.length;
  await until(() => pausesMs.length - before >= TRIES, 30_000);
  discord.people.postAs(user, channel, "live");
  await until(() => created(next).length === 1);
  discord.faults.clear();
  await until(() => created(next).length === 4, 20_000);
  expect(created(next).map(textOf).toSorted()).toEqual(["live", "missed 1", "missed 2", "missed 3"]);
}, 60_000);
