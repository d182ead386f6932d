import { expect, it } from "vitest";
import { createMirrorMemory, type MirrorRows } from "../../../src/pipeline/ingest/mirror-memory.ts";

const channel = (change: Partial<MirrorRows["channels"][number]> = {}): MirrorRows["channels"][number] => ({
  org: "main",
  inst: "i1",
  channel: "c1",
  kind: "public",
  name: "general",
  external: false,
  archived: null,
  self_member: null,
  space: "s1",
  category: null,
  ...change,
});
const member = (state: "joined" | "left", version: string, implied: boolean): MirrorRows["memberships"][number] => ({
  org: "main",
  inst: "i1",
  channel: "c1",
  member: "u1",
  state,
  source: "event",
  version,
  implied,
});
const rows = (change: Partial<MirrorRows>): MirrorRows => ({
  places: [],
  channels: [],
  people: [],
  memberships: [],
  ...change,
});

it("keeps that a channel was archived and left when an ordinary message of it comes in the same batch", () => {
  const { channels } = createMirrorMemory().unknown(
    rows({ channels: [channel({ archived: true }), channel({ self_member: false }), channel()] }),
  );
  expect(channels).toEqual([channel({ archived: true, self_member: false })]);
});

it("lets the newest of several changes of one member hold, in whatever order they come", () => {
  const left = member("left", "2", false);
  const before = member("joined", "1", true);
  for (const memberships of [
    [left, before],
    [before, left],
  ])
    expect(createMirrorMemory().unknown(rows({ memberships })).memberships).toEqual([left]);
});

it("leaves out what a message implies and is known, and never what an event says: another process may know more", () => {
  const memory = createMirrorMemory();
  memory.learn(rows({ memberships: [member("joined", "1", true)] }));
  expect(memory.unknown(rows({ memberships: [member("joined", "2", true)] })).memberships).toEqual([]);
  const again = member("joined", "3", false);
  expect(memory.unknown(rows({ memberships: [again] })).memberships).toEqual([again]);
});

it("mirrors a place once, again when it is called otherwise, and costs an ordinary message nothing", () => {
  const memory = createMirrorMemory();
  const space = { org: "main", inst: "i1", place: "s1", level: "space", parent: null, name: "Acme" } as const;
  const first = rows({ places: [space, { ...space, name: null }], channels: [channel()] });
  const stored = memory.unknown(first);
  expect(stored.places).toEqual([space]);
  memory.learn(stored);
  expect(memory.unknown(rows({ places: [space], channels: [channel()] }))).toEqual(rows({}));
  const renamed = { ...space, name: "Acme Ltd" };
  expect(memory.unknown(rows({ places: [renamed] })).places).toEqual([renamed]);
  expect(memory.unknown(rows({ channels: [channel({ category: "c9" })] })).channels).toHaveLength(1);
});
