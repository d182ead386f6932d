import { fileURLToPath } from "node:url";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { MemberProfile } from "../../../src/contracts/adapter-features.ts";
import { upsertChannels, upsertMemberships, upsertPeople, upsertPlaces } from "../../../src/ledger/channel-mirror.ts";
import type { Database } from "../../../src/ledger/connection/database.ts";
import { migrate } from "../../../src/ledger/connection/migrate.ts";
import {
  type MirrorPlace,
  readMember,
  readRoster,
  storeMember,
  storeRoster,
} from "../../../src/ledger/member-mirror.ts";
import { storePresence, takeWatched } from "../../../src/ledger/presence.ts";
import { BACKENDS, openForFile } from "../connection/open-backends.ts";

const MIGRATIONS = fileURLToPath(new URL("../../../src/ledger/migrations", import.meta.url));
const CHANNEL: MirrorPlace = { organizationId: "o", installationId: "i", channelId: "c", threadId: undefined };
const listed = (...ids: string[]): MemberProfile[] =>
  ids.map((id) => ({ id, name: id, kind: "human", self: id === "self", memberClass: "member" }));

describe.each(BACKENDS)("the mirror of members on %s", (backend) => {
  let database: Database;
  beforeAll(async () => {
    database = await openForFile(backend);
    await migrate(database, MIGRATIONS);
  });
  beforeEach(async () => {
    for (const table of ["channels", "memberships", "places", "people"])
      await database.query({ text: `delete from ${table}` });
    await channel({});
  });

  const channel = (change: object): Promise<void> =>
    upsertChannels(database, [
      {
        org: "o",
        inst: "i",
        channel: "c",
        kind: "public",
        name: "general",
        external: false,
        archived: null,
        self_member: null,
        space: "s",
        category: "k",
        ...change,
      },
    ]);
  const event = (member: string, state: "joined" | "left", version: string, secondsAgo: number): Promise<void> =>
    upsertMemberships(database, [
      {
        org: "o",
        inst: "i",
        channel: "c",
        member,
        state,
        source: "event",
        version,
        implied: false,
        occurred: ago(secondsAgo).toISOString(),
      },
    ]);
  const ago = (seconds: number): Date => new Date(Date.now() - seconds * 1_000);
  const roster = async (begunAt: Date, ...ids: string[]): Promise<void> => {
    const fetched = { begunAt, members: listed(...ids), openToMembers: true, complete: true };
    await database.transaction((tx) => storeRoster(tx, CHANNEL, fetched));
  };
  const known = async (member: string) => {
    const { state, source, asked, ageMs } = await readMember(database, CHANNEL, member);
    return { state, source, asked, seconds: ageMs === null ? null : Math.round(ageMs / 1_000) };
  };

  it("knows nothing of whom nobody spoke of, and everything of the list once it was fetched", async () => {
    expect(await readMember(database, CHANNEL, "ann")).toMatchObject({ state: null, ageMs: null, rosterAgeMs: null });
    await roster(ago(20), "ann", "self");
    expect(await known("ann")).toEqual({ state: "joined", source: "fetch", asked: true, seconds: 20 });
    expect(await known("self")).toEqual({ state: null, source: null, asked: false, seconds: null });
    const { rosterAgeMs, members, openToMembers, complete } = await readRoster(database, CHANNEL);
    expect(Math.round((rosterAgeMs ?? 0) / 1_000)).toBe(20);
    expect({ members, openToMembers, complete }).toEqual({
      members: [{ id: "ann", memberClass: "member", asked: true }],
      openToMembers: true,
      complete: true,
    });
  });

  it("takes who is not on a list for gone, but for those of whom an event told since", async () => {
    await event("ann", "joined", "1", 100);
    await event("ben", "joined", "1", 2);
    await event("cyd", "left", "1", 2);
    await event("dan", "left", "1", 100);
    await roster(ago(1), "cyd", "dan");
    expect(await known("ann")).toMatchObject({ state: "left", source: "fetch" });
    expect(await known("ben")).toMatchObject({ state: "joined", source: "event", asked: false });
    expect(await known("cyd")).toMatchObject({ state: "left", source: "event" });
    expect(await known("dan")).toMatchObject({ state: "joined", source: "fetch", asked: true });
  });

  it("ends what people asked for who are gone from the list, and not what bots did that never are on it", async () => {
    const person = { org: "o", inst: "i", name: null, avatar: null };
    await upsertPeople(database, [
      { ...person, person: "ann", kind: "human", name: "Ann" },
      { ...person, person: "hook", kind: "bot", name: "Hook" },
    ]);
    await database.query({
      text: `insert into conversations (id, organization_id, installation_id, platform, channel_id, path) values ('y', 'o', 'i', 'slack', 'c', '{}') on conflict do nothing`,
    });
    for (const asker of ["ann", "hook"]) {
      await event(asker, "joined", "1", 100);
      await database.query(
        {
          text: `insert into turns (id, organization_id, agent_id, conversation_id, reply_conversation_id, event_id, asker_id, reason, state, root_event_id)
            values ($1, 'o', $1, 'y', 'y', $1, $1, 'mention', 'running', $1) on conflict do nothing`,
        },
        [asker],
      );
    }
    const fetched = { begunAt: ago(1), members: listed("ben"), openToMembers: true, complete: true };
    const stopped = await database.transaction((tx) => storeRoster(tx, CHANNEL, fetched));
    expect(stopped).toEqual([{ id: "ann", reason: "asker_left" }]);
  });

  it("is as young as the list that confirms it, and no younger", async () => {
    await event("ann", "joined", "1", 100);
    await event("ben", "left", "1", 100);
    expect((await known("ann")).seconds).toBe(100);
    await roster(ago(30), "ann");
    expect(await known("ann")).toMatchObject({ state: "joined", asked: true, seconds: 30 });
    expect(await known("ben")).toMatchObject({ state: "left", seconds: 30 });
    await roster(ago(10), "ann");
    expect((await known("ann")).seconds).toBe(10);
    // One that was begun before and comes back after it says less.
    await roster(ago(25), "ben");
    expect((await known("ann")).seconds).toBe(10);
    expect(await known("ann")).toMatchObject({ state: "joined" });
    // Nor does an answer about one person, or an event, from before it.
    const before = { memberId: "ann", isIn: false, memberClass: "member", begunAt: ago(20) } as const;
    await database.transaction((tx) => storeMember(tx, CHANNEL, before));
    await event("ann", "left", "7", 30);
    await event("ben", "joined", "7", 30);
    await event("new", "joined", "7", 30);
    expect(await known("ann")).toMatchObject({ state: "joined" });
    expect(await known("ben")).toMatchObject({ state: "left" });
    expect(await known("new")).toMatchObject({ state: null });
  });

  it("lets no event undo an answer that is younger, whatever its number", async () => {
    const answer = (isIn: boolean, begunAt: Date) =>
      database.transaction((tx) => storeMember(tx, CHANNEL, { memberId: "ann", isIn, memberClass: "guest", begunAt }));
    await answer(false, ago(10));
    await event("ann", "joined", "9", 60);
    expect(await known("ann")).toMatchObject({ state: "left", source: "fetch" });
    await event("ann", "joined", "9", 1);
    expect(await known("ann")).toMatchObject({ state: "joined", source: "event", asked: false });
    await event("ann", "left", "8", 0);
    expect(await known("ann")).toMatchObject({ state: "joined" });
    await answer(true, ago(0));
    expect((await readMember(database, CHANNEL, "ann")).memberClass).toBe("guest");
    await event("ann", "joined", "10", 0);
    expect(await known("ann")).toMatchObject({ state: "joined", source: "fetch", asked: true });
  });

  it("keeps the readers of a thread apart from those of its channel", async () => {
    await roster(ago(5), "ann", "ben");
    const thread = { ...CHANNEL, threadId: "t" };
    const fetched = { begunAt: ago(3), members: listed("ann"), openToMembers: false, complete: true };
    await database.transaction((tx) => storeRoster(tx, thread, fetched));
    expect((await readRoster(database, thread)).members.map(({ id }) => id)).toEqual(["ann"]);
    expect((await readRoster(database, CHANNEL)).members.map(({ id }) => id).toSorted()).toEqual(["ann", "ben"]);
    expect(await readMember(database, thread, "ben")).toMatchObject({ state: null, rosterAgeMs: expect.any(Number) });
  });

  it("tells where a channel lies, also after it was moved", async () => {
    const place = { org: "o", inst: "i", level: "category", parent: "s", name: "Projects" } as const;
    await upsertPlaces(database, [{ ...place, place: "k" }]);
    await channel({ category: "k2" });
    await upsertPlaces(database, [{ ...place, place: "k", name: null }]);
    const rows = await database.query({ text: "select space_id, category_id from channels" });
    expect(rows).toEqual([{ space_id: "s", category_id: "k2" }]);
    // What comes without a name was not seen as a whole.
    await channel({ name: null, category: null });
    expect(await database.query({ text: "select name, category_id from channels" })).toEqual([
      { name: "general", category_id: "k2" },
    ]);
    await channel({ category: null });
    expect(await database.query({ text: "select category_id from channels" })).toEqual([{ category_id: null }]);
    expect(await database.query({ text: "select level, parent_id, name from places" })).toEqual([
      { level: "category", parent_id: "s", name: "Projects" },
    ]);
  });

  it("counts the epoch up once for a presence that changed, and hands a channel to one watcher at a time", async () => {
    const stored = (present: boolean) =>
      database.transaction((tx) => storePresence(tx, { installationId: "i", channelId: "c", present }));
    const row = () => database.query({ text: "select self_member, membership_epoch from channels" });
    await stored(true);
    expect(await row()).toEqual([{ self_member: null, membership_epoch: 0 }]);
    for (let time = 0; time < 2; time++) await stored(false);
    expect(await row()).toEqual([{ self_member: false, membership_epoch: 1 }]);
    await database.query(
      {
        text: `insert into conversations (id, organization_id, installation_id, platform, channel_id, path) values ('x', 'o', 'i', 'slack', 'c', $1)
          on conflict do nothing`,
      },
      [{ space: { id: "s" }, channel: { id: "c", kind: "public", external: false } }],
    );
    await database.query({
      text: "update channels set presence_at = presence_at - interval '1 hour', updated_at = updated_at - interval '1 hour'",
    });
    const query = { platforms: ["slack"], everyMs: 40_000, limit: 10 };
    const taken = await Promise.all([takeWatched(database, query), takeWatched(database, query)]);
    expect(taken.flat()).toMatchObject([{ channelId: "c", selfMember: false, askers: [] }]);
    expect(await takeWatched(database, query)).toEqual([]);
    await stored(true);
    expect(await row()).toEqual([{ self_member: true, membership_epoch: 2 }]);
  });
});
