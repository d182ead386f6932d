import { describe, expect, it } from "vitest";
import { created, stage, textOf, until } from "./stage.ts";

describe("what was missed", () => {
  it("is read back to the age that is set, and no further", async () => {
    const { discord, server, channel, user, sink, start, nextSink } = await stage();
    const first = await start();
    discord.people.postAs(user, channel, "heard");
    await until(() => created(sink).length === 1);
    await first.stop();
    discord.people.postAs(user, channel, "old", { ageMs: 7_200_000 });
    discord.people.postAs(user, channel, "young");
    discord.gateway.forgetSessions(server.app.applicationId);
    const next = await nextSink();
    await start(next, { backfillMaxAgeMs: 3_600_000 });
    await until(() => created(next).length === 1);
    expect(created(next).map(textOf)).toEqual(["young"]);
  });

  it("is read in pages, all of it, in order and once, beside what is said meanwhile", async () => {
    const { discord, server, channel, user, sink, start, nextSink } = await stage();
    const first = await start();
    discord.people.postAs(user, channel, "heard");
    await until(() => created(sink).length === 1);
    await first.stop();
    const missed = Array.from(
      { length: 350 },
      (_, index) => discord.people.postAs(user, channel, `missed ${index}`).message,
    );
    discord.gateway.forgetSessions(server.app.applicationId);
    const next = await nextSink();
    const starting = start(next);
    await until(() => discord.gateway.connectionCount(server.app.applicationId) === 1);
    const live = discord.people.postAs(user, channel, "live").message;
    await starting;
    await until(() => new Set(created(next).map((one) => one.body.messageId)).size === 351);
    const orders = created(next).toSorted((a, b) => (a.platformOrder < b.platformOrder ? -1 : 1));
    expect([...new Set(orders.map((one) => one.body.messageId))]).toEqual([...missed, live]);
    await until(async () => {
      const rows = await sink.lasting.read(`installation:acme:${server.guild}`, `cursor:${channel}`);
      return new TextDecoder().decode(rows.get(`cursor:${channel}`)) === live;
    });
  });

  it("is, over the limit of a place, the newest, and the log says that older is left out", async () => {
    const { discord, server, channel, user, sink, start, nextSink } = await stage();
    const first = await start();
    discord.people.postAs(user, channel, "heard");
    await until(() => created(sink).length === 1);
    await first.stop();
    const missed = Array.from({ length: 260 }, (_, index) => `missed ${index}`);
    for (const text of missed) discord.people.postAs(user, channel, text);
    discord.gateway.forgetSessions(server.app.applicationId);
    const next = await nextSink();
    await start(next, { backfillMaxMessages: 150 });
    await until(() => created(next).length === 150);
    expect(created(next).map(textOf).toSorted()).toEqual(missed.slice(-150).toSorted());
    await until(() => JSON.stringify(next.logged).includes("the oldest of them are left out"));
  });

  it("is read of every thread that was closed meanwhile, also where they are many and were closed at once", async () => {
    const { discord, server, channel, user, sink, start, nextSink } = await stage();
    const first = await start();
    discord.people.postAs(user, channel, "heard");
    await until(() => created(sink).length === 1);
    await first.stop();
    const threads = Array.from({ length: 130 }, (_, index) => {
      const messageId = discord.people.postAs(user, channel, `topic ${index}`).message;
      const thread = discord.people.threadAs(user, channel, `thread ${index}`, { messageId });
      discord.people.postAs(user, thread, `in thread ${index}`);
      return thread;
    });
    for (const thread of threads) discord.people.changeThreadAs(user, thread, { archived: true });
    discord.gateway.forgetSessions(server.app.applicationId);
    const next = await nextSink();
    await start(next);
    await until(() => new Set(created(next).map(textOf)).size === 260);
    const inThreads = created(next).filter((one) => threads.includes(one.conversation.thread?.id ?? ""));
    expect(new Set(inThreads.map(textOf)).size).toBe(130);
  });

  it("of a crash in the middle of reading is read again from where it was safe", async () => {
    const { discord, server, channel, user, sink, start, nextSink } = await stage();
    const first = await start();
    discord.people.postAs(user, channel, "heard");
    await until(() => created(sink).length === 1);
    await first.stop();
    const missed = Array.from(
      { length: 250 },
      (_, index) => discord.people.postAs(user, channel, `missed ${index}`).message,
    );
    discord.gateway.forgetSessions(server.app.applicationId);
    const dying = await nextSink();
    dying.dieAfter(120);
    const second = await start(dying);
    await until(() => dying.isDead());
    await second.stop();
    const last = await nextSink();
    await start(last);
    const taken = () => new Set([...created(dying), ...created(last)].map((one) => one.body.messageId));
    await until(() => taken().size === 250);
    expect([...taken()].toSorted((a, b) => Number(BigInt(a) - BigInt(b)))).toEqual(missed);
  });

  it("is found by a later process when Discord let none of it be read before", async () => {
    const { discord, server, channel, user, sink, start, nextSink } = await stage();
    const first = await start();
    discord.people.postAs(user, channel, "heard");
    await until(() => created(sink).length === 1);
    await first.stop();
    for (const n of [1, 2, 3]) discord.people.postAs(user, channel, `missed ${n}`);
    discord.gateway.forgetSessions(server.app.applicationId);
    discord.faults.add({ kind: "status_before", route: "GET /channels/:channel/messages" });
    const unlucky = await nextSink();
    const second = await start(unlucky);
    discord.people.postAs(user, channel, "live 1");
    await until(() => created(unlucky).map(textOf).includes("live 1"));
    await second.stop();
    discord.faults.clear();
    const last = await nextSink();
    await start(last);
    discord.people.postAs(user, channel, "live 2");
    await until(() => created(last).map(textOf).includes("live 2"));
    await until(() => created(last).length === 5);
    expect(created(last).map(textOf).toSorted()).toEqual(["live 1", "live 2", "missed 1", "missed 2", "missed 3"]);
  });

  it("is made up for in edits and deletions too, wherever something is known to have been said", async () => {
    const { discord, server, channel, user, sink, start, nextSink } = await stage();
    const direct = discord.people.openDirect(user, server.app.botUserId);
    const first = await start();
    const said = ["stays", "is edited", "is deleted"].map((text) => discord.people.postAs(user, channel, text).message);
    const [, edited = "", deleted = ""] = said;
    const alone = discord.people.postAs(user, direct, "is edited alone").message;
    await until(() => created(sink).length === 4);
    await first.stop();
    discord.people.editAs(user, channel, edited, "was edited");
    discord.people.editAs(user, direct, alone, "was edited alone");
    discord.people.deleteAs(user, channel, deleted);
    discord.gateway.forgetSessions(server.app.applicationId);
    const next = await nextSink();
    const second = await start(next);
    const changes = () => next.taken.filter((one) => one.kind === "message_edited" || one.kind === "message_deleted");
    await until(() => changes().length === 3);
    const edits = changes().filter((one) => one.kind === "message_edited");
    expect(edits.map(textOf).toSorted()).toEqual(["was edited", "was edited alone"]);
    expect(changes().find((one) => one.kind === "message_deleted")).toMatchObject({ body: { messageId: deleted } });
    await second.stop();

    // What is handed in live and what history shows are told apart by nobody.
    discord.gateway.forgetSessions(server.app.applicationId);
    const last = await nextSink();
    await start(last);
    await until(() => last.taken.filter((one) => one.kind === "message_edited").length === 2);
    const keys = (taken: typeof edits) => new Set(taken.map((one) => one.dedupeKey));
    expect(keys(last.taken.filter((one) => one.kind === "message_edited"))).toEqual(keys(edits));
    expect(last.taken.some((one) => one.kind === "message_deleted")).toBe(false);
  });
});
