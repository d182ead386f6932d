import { expect, it } from "vitest";
import type { ChatAdapter } from "../../../src/contracts/adapter.ts";
import { permissionBits } from "../../support/discord/model/bits.ts";
import { channelPermissions } from "../../support/discord/model/permissions.ts";
import { type Stage, stage } from "./stage.ts";

const { signal } = new AbortController();

interface Case {
  readonly name: string;
  /** Arranges it and says who is asked about, and where. */
  readonly make: (set: Stage) => { readonly who: string; readonly channel: string; readonly thread?: string };
  readonly read: boolean;
  readonly post: boolean;
  readonly rule: string;
  readonly memberClass?: string;
}

const everyone = (set: Stage) => ({ id: set.server.guild, type: "role" as const });
const closed = (set: Stage): string => {
  const bot = { id: set.server.app.botUserId, type: "member" as const, allow: ["VIEW_CHANNEL" as const] };
  return set.discord.setup.addChannel(set.server.guild, {
    overwrites: [{ ...everyone(set), deny: ["VIEW_CHANNEL"] }, bot],
  });
};

const CASES: readonly Case[] = [
  {
    name: "a member of whom no event told",
    make: (set) => ({ who: set.discord.setup.addUser(set.server.guild), channel: set.channel }),
    read: true,
    post: true,
    rule: "member",
    memberClass: "member",
  },
  {
    name: "somebody who is not in the guild",
    make: (set) => ({ who: set.discord.setup.addUser(), channel: set.channel }),
    read: false,
    post: false,
    rule: "not_member",
    memberClass: "external",
  },
  {
    name: "the owner, whom an overwrite keeps out",
    make: (set) => {
      set.discord.people.setOverwrite(set.channel, { id: set.server.owner, type: "member", deny: ["VIEW_CHANNEL"] });
      return { who: set.server.owner, channel: set.channel };
    },
    read: true,
    post: true,
    rule: "owner",
    memberClass: "admin",
  },
  {
    name: "an administrator in a closed channel",
    make: (set) => {
      set.discord.people.giveRole(
        set.server.guild,
        set.user,
        set.discord.setup.addRole(set.server.guild, { administrator: true }),
      );
      return { who: set.user, channel: closed(set) };
    },
    read: true,
    post: true,
    rule: "administrator",
    memberClass: "admin",
  },
  {
    name: "a member of a closed channel's guild",
    make: (set) => ({ who: set.user, channel: closed(set) }),
    read: false,
    post: false,
    rule: "not_visible",
  },
  {
    name: "a member whom a closed channel lets in",
    make: (set) => {
      const channel = closed(set);
      set.discord.people.setOverwrite(channel, { id: set.user, type: "member", allow: ["VIEW_CHANNEL"] });
      return { who: set.user, channel };
    },
    read: true,
    post: true,
    rule: "member",
  },
  {
    name: "a member who may not read back",
    make: (set) => {
      set.discord.people.setOverwrite(set.channel, { ...everyone(set), deny: ["READ_MESSAGE_HISTORY"] });
      return { who: set.user, channel: set.channel };
    },
    read: false,
    post: false,
    rule: "overwrite",
  },
  {
    name: "a member who may enter a channel of voices",
    make: (set) => ({ who: set.user, channel: set.discord.setup.addChannel(set.server.guild, { kind: "voice" }) }),
    read: true,
    post: true,
    rule: "member",
  },
  {
    name: "a member who sees a channel of voices and may not enter it",
    make: (set) => {
      const bot = { id: set.server.app.botUserId, type: "member" as const, allow: ["CONNECT" as const] };
      const overwrites = [{ ...everyone(set), deny: ["CONNECT" as const] }, bot];
      return { who: set.user, channel: set.discord.setup.addChannel(set.server.guild, { kind: "voice", overwrites }) };
    },
    read: false,
    post: false,
    rule: "no_connect",
  },
  {
    name: "a member in a timeout",
    make: (set) => {
      set.discord.people.timeout(set.server.guild, set.user, 60_000);
      return { who: set.user, channel: set.channel };
    },
    read: true,
    post: false,
    rule: "timeout",
  },
  {
    name: "a member after a timeout",
    make: (set) => {
      set.discord.people.timeout(set.server.guild, set.user, 60_000);
      set.discord.people.timeout(set.server.guild, set.user, 0);
      return { who: set.user, channel: set.channel };
    },
    read: true,
    post: true,
    rule: "member",
  },
  {
    name: "a member who was not added to a private thread",
    make: (set) => {
      const [maker = "", other = ""] = set.server.users;
      const thread = set.discord.people.threadAs(maker, set.channel, "between us", { private: true });
      set.discord.people.addToThread(thread, set.server.app.botUserId);
      return { who: other, channel: set.channel, thread };
    },
    read: false,
    post: false,
    rule: "not_in_thread",
  },
  {
    name: "a member who was added to a private thread",
    make: (set) => {
      const [maker = "", other = ""] = set.server.users;
      const thread = set.discord.people.threadAs(maker, set.channel, "between us", { private: true });
      set.discord.people.addToThread(thread, set.server.app.botUserId);
      set.discord.people.addToThread(thread, other);
      return { who: other, channel: set.channel, thread };
    },
    read: true,
    post: true,
    rule: "member",
  },
  {
    name: "whoever manages threads, in a private one",
    make: (set) => {
      const [maker = "", other = ""] = set.server.users;
      const thread = set.discord.people.threadAs(maker, set.channel, "between us", { private: true });
      set.discord.people.addToThread(thread, set.server.app.botUserId);
      const manager = set.discord.setup.addRole(set.server.guild, { permissions: ["MANAGE_THREADS"] });
      set.discord.people.giveRole(set.server.guild, other, manager);
      return { who: other, channel: set.channel, thread };
    },
    read: true,
    post: true,
    rule: "thread_manager",
  },
  {
    name: "a member in a thread that is not made yet",
    make: (set) => {
      const { message } = set.discord.people.postAs(set.user, set.channel, "a question");
      return { who: set.user, channel: set.channel, thread: message };
    },
    read: true,
    post: true,
    rule: "member",
  },
];

it.each(CASES)("judges as Discord does: $name", async ({ make, read, post, rule, memberClass }) => {
  const set = await stage();
  const adapter = await set.start(set.sink, { memberEvents: true });
  const { who, channel, thread } = make(set);
  const target = set.target(channel, thread);
  const found = await adapter.features.access?.check({ target, memberId: who, signal });
  expect(found).toMatchObject({ read, post, rule, ...(memberClass === undefined ? {} : { memberClass }) });
  await expectListed(set, adapter, channel, thread);
});

/** Whoever the stand-in would let look in, and nobody else, is listed. */
async function expectListed(set: Stage, adapter: ChatAdapter, channel: string, thread?: string): Promise<void> {
  const { world } = set.discord.core;
  const place = set.discord.core.world.channels.get(thread ?? channel) ?? set.discord.core.channel(channel);
  const view = permissionBits("VIEW_CHANNEL");
  const everybody = [...set.discord.core.guild(set.server.guild).members.keys()];
  const expected = everybody.filter((id) => (channelPermissions(world, place, id) & view) === view);
  const listed = await adapter.features.members?.list(set.target(channel, thread), signal);
  expect(listed?.map(({ id }) => id).toSorted()).toEqual(expected.toSorted());
}

it("asks Discord itself, whatever events were lost", async () => {
  const set = await stage();
  const adapter = await set.start(set.sink, { memberEvents: true });
  const target = set.target();
  const readOf = async (memberId: string) => await adapter.features.access?.check({ target, memberId, signal });
  const [first = "", second = ""] = set.server.users;
  expect([await readOf(first), await readOf(second)]).toMatchObject([{ read: true }, { read: true }]);
  set.discord.frames.add({ kind: "drop", event: ["CHANNEL_UPDATE", "GUILD_MEMBER_UPDATE", "GUILD_MEMBER_REMOVE"] });
  set.discord.people.leave(first, set.server.guild);
  expect(await readOf(first)).toMatchObject({ read: false, rule: "not_member" });
  set.discord.people.timeout(set.server.guild, second, 60_000);
  expect(await readOf(second)).toMatchObject({ read: true, post: false, rule: "timeout" });
  set.discord.people.setOverwrite(set.channel, { ...everyone(set), deny: ["VIEW_CHANNEL"] });
  set.discord.people.setOverwrite(set.channel, {
    id: set.server.app.botUserId,
    type: "member",
    allow: ["VIEW_CHANNEL"],
  });
  expect(await readOf(second)).toMatchObject({ read: false, rule: "not_visible" });
  await expectListed(set, adapter, set.channel);
  set.discord.people.removeOverwrite(set.channel, set.server.app.botUserId);
  expect(await readOf(second)).toMatchObject({ read: false, rule: "unknown" });
  expect(await adapter.features.members?.present(target, signal)).toBe(false);
});

it("says to whom a channel is open beside its list", async () => {
  const set = await stage();
  const adapter = await set.start(set.sink, { memberEvents: true });
  const reach = async (channel: string, thread?: string) =>
    await adapter.features.members?.reach?.(set.target(channel, thread), signal);
  expect(await reach(set.channel)).toEqual({ openToMembers: true, complete: true });
  expect(await reach(closed(set))).toEqual({ openToMembers: false, complete: true });
  const [maker = ""] = set.server.users;
  const thread = set.discord.people.threadAs(maker, set.channel, "between us", { private: true });
  set.discord.people.addToThread(thread, set.server.app.botUserId);
  expect(await reach(set.channel, thread)).toEqual({ openToMembers: false, complete: true });
  const staff = set.discord.setup.addChannel(set.server.guild, {
    kind: "voice",
    overwrites: [
      { ...everyone(set), deny: ["CONNECT"] },
      { id: set.server.app.botUserId, type: "member", allow: ["CONNECT"] },
    ],
  });
  expect(await reach(staff)).toEqual({ openToMembers: false, complete: true });
  // One whom it keeps out is enough: then not all members can read it.
  set.discord.people.setOverwrite(set.channel, { id: set.user, type: "member", deny: ["VIEW_CHANNEL"] });
  expect(await reach(set.channel)).toEqual({ openToMembers: false, complete: true });
});
