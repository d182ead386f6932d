import { describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { ChangesAnswer, PostAnswer, type WebRoom } from "../../../adapters/web/protocol.ts";
import { BACKENDS, startTestRoom } from "../../support/web/web-room.ts";

describe.each(BACKENDS)("live changes on %s", (backend) => {
  it("brings posts, edits, reactions and deletions to the members, and a private room to nobody else", async () => {
    const room = await startTestRoom({ backend });
    const mara = await room.signIn("Mara");
    const ben = await room.signIn("Ben");
    const secret = await mara.client.ok<WebRoom>("POST", "/rooms", { name: "secret", kind: "private" });
    const socket = await ben.client.socket();
    const own = await mara.client.socket();
    await mara.client.ok("POST", `/rooms/${secret.id}/messages`, { clientMessageId: "client-0000", text: "psst" });
    const { post } = PostAnswer.parse(
      await mara.client.ok("POST", `/rooms/${mara.general.id}/messages`, {
        clientMessageId: "client-0001",
        text: "hello",
      }),
    );
    const created = await socket.next("post", (frame) => frame.change === "created");
    expect(created.post).toMatchObject({ id: post.id, text: "hello", author: { name: "Mara" } });
    expect(created.post.clientMessageId).toBeUndefined();
    expect((await own.next("post", (frame) => frame.post.id === post.id)).post.clientMessageId).toBe("client-0001");
    await mara.client.ok("PATCH", `/messages/${post.id}`, { text: "hello all" });
    await socket.next("post", (frame) => frame.change === "edited" && frame.post.text === "hello all");
    await ben.client.ok("PUT", `/messages/${post.id}/reactions/ok`);
    await socket.next("post", (frame) => frame.change === "reaction" && frame.post.reactions.length === 1);
    await mara.client.ok("DELETE", `/messages/${post.id}`);
    await socket.next("post", (frame) => frame.change === "deleted" && frame.post.deletedAt !== null);
    expect(JSON.stringify(socket.frames)).not.toContain(secret.id);
    expect(own.frames.some((frame) => frame.type === "post" && frame.post.roomId === secret.id)).toBe(true);
  });

  it("follows joining and leaving: a removed member hears nothing of the room from then on", async () => {
    const room = await startTestRoom({ backend });
    const mara = await room.signIn("Mara");
    const ben = await room.signIn("Ben");
    const socket = await ben.client.socket();
    const secret = await mara.client.ok<WebRoom>("POST", "/rooms", { name: "secret", kind: "private" });
    await mara.client.ok("POST", `/rooms/${secret.id}/members`, { personId: ben.me.person.id });
    const appeared = await socket.next("room", (frame) => frame.room.id === secret.id);
    expect(appeared.room).toMatchObject({ joined: true, name: "secret" });
    await mara.client.ok("POST", `/rooms/${secret.id}/messages`, { clientMessageId: "client-0001", text: "one" });
    await socket.next("post", (frame) => frame.post.text === "one");
    await mara.client.ok("DELETE", `/rooms/${secret.id}/members/${ben.me.person.id}`);
    await mara.client.ok("POST", `/rooms/${secret.id}/messages`, { clientMessageId: "client-0002", text: "two" });
    await mara.client.ok("POST", `/rooms/${mara.general.id}/messages`, {
      clientMessageId: "client-0003",
      text: "three",
    });
    await socket.next("room_removed", (frame) => frame.roomId === secret.id);
    await socket.next("post", (frame) => frame.post.text === "three");
    expect(socket.frames.some((frame) => frame.type === "post" && frame.post.text === "two")).toBe(false);
  });

  it("loses nothing over a reconnect: what changed meanwhile is read after the number held", async () => {
    const room = await startTestRoom({ backend });
    const mara = await room.signIn("Mara");
    const ben = await room.signIn("Ben");
    const roomId = mara.general.id;
    const post = async (id: string, text: string) =>
      PostAnswer.parse(
        await mara.client.ok("POST", `/rooms/${roomId}/messages`, { clientMessageId: `client-${id}`, text }),
      ).post;
    const socket = await ben.client.socket();
    const old = await post("0001", "old");
    const held = (await socket.next("post", (frame) => frame.post.id === old.id)).post.changeSeq;
    socket.close();
    await socket.closed;
    const missed = await Promise.all(Array.from({ length: 20 }, (_, index) => post(`1${index}000`, `missed ${index}`)));
    await mara.client.ok("PATCH", `/messages/${old.id}`, { text: "old but edited" });
    const [gone] = missed;
    await mara.client.ok("DELETE", `/messages/${gone?.id}`);
    const again = await ben.client.socket();
    const hello = await again.next("hello");
    const lastSeq = hello.rooms.find((entry) => entry.roomId === roomId)?.lastSeq ?? 0;
    expect(lastSeq).toBeGreaterThan(held);
    const late = await post("2000", "after the reconnect");
    await again.next("post", (frame) => frame.post.id === late.id);
    const read = new Map<string, string>();
    for (let after = held; after < lastSeq; ) {
      const page = ChangesAnswer.parse(await ben.client.ok("GET", `/rooms/${roomId}/changes?after=${after}&limit=7`));
      for (const changed of page.posts) read.set(changed.id, changed.deletedAt === null ? changed.text : "deleted");
      after = page.cursor;
    }
    expect(read.get(old.id)).toBe("old but edited");
    expect(gone === undefined ? undefined : read.get(gone.id)).toBe("deleted");
    for (const { id, text } of missed.slice(1)) expect(read.get(id)).toBe(text);
  });

  it("shows typing to others, presence to all, and read marks to the reader's other pages", async () => {
    const room = await startTestRoom({ backend });
    const mara = await room.signIn("Mara");
    const ben = await room.signIn("Ben");
    const maraSocket = await mara.client.socket();
    const benSocket = await ben.client.socket();
    await maraSocket.next("presence", (frame) => frame.personId === ben.me.person.id && frame.online);
    benSocket.raw.send(JSON.stringify({ type: "typing", roomId: ben.general.id }));
    const typing = await maraSocket.next("typing");
    expect(typing).toMatchObject({
      roomId: ben.general.id,
      personId: ben.me.person.id,
      name: "Ben",
      threadRootId: null,
    });
    await mara.client.ok("POST", `/rooms/${mara.general.id}/messages`, {
      clientMessageId: "client-0001",
      text: "@Ben look",
    });
    const before = await ben.client.ok<WebRoom>("GET", `/rooms/${ben.general.id}`);
    expect(before).toMatchObject({ unread: 1, unreadMentions: 1 });
    await ben.client.ok("PUT", `/rooms/${ben.general.id}/read`, { seq: before.lastSeq });
    await benSocket.next("read", (frame) => frame.seq === before.lastSeq);
    await ben.client.ok("PUT", `/rooms/${ben.general.id}/read`, { seq: 1 });
    const after = await ben.client.ok<WebRoom>("GET", `/rooms/${ben.general.id}`);
    expect(after).toMatchObject({ unread: 0, unreadMentions: 0, readSeq: before.lastSeq });
    benSocket.close();
    await maraSocket.next("presence", (frame) => frame.personId === ben.me.person.id && !frame.online);
    expect(benSocket.frames.some((frame) => frame.type === "typing")).toBe(false);
  });
});

describe("the bounds of a socket", () => {
  const [backend] = BACKENDS;

  it("closes on a frame over 64 KiB, on a flood, and answers nonsense with an error", async () => {
    const room = await startTestRoom({ backend });
    const mara = await room.signIn("Mara");
    const large = await mara.client.socket();
    large.raw.send("x".repeat(64 * 1024 + 1));
    expect((await large.closed).code).toBe(1009);
    const confused = await mara.client.socket();
    confused.raw.send("{");
    confused.raw.send(JSON.stringify({ type: "typing" }));
    confused.raw.send(Buffer.from([1, 2, 3]));
    await expect.poll(() => confused.frames.filter((frame) => frame.type === "error").length).toBe(3);
    const flood = await mara.client.socket();
    const startedAt = performance.now();
    for (let i = 0; i < 200; i += 1) flood.raw.send(JSON.stringify({ type: "typing", roomId: mara.general.id }));
    const closed = await flood.closed;
    expect(closed.code).toBe(4429);
    expect(closed.atMs - startedAt).toBeLessThan(1_000);
    expect(confused.raw.readyState).toBe(WebSocket.OPEN);
    expect(confused.raw.extensions).toBe("");
  });

  it("cuts a reader off that does not read, without holding its frames in memory", async () => {
    const room = await startTestRoom({ backend, config: { requestsPerMinute: 100_000 } });
    const mara = await room.signIn("Mara");
    const sloth = await room.signIn("Sloth");
    const other = await mara.client.socket();
    const slow = await sloth.client.socket();
    slow.raw.pause();
    const isGone = (): boolean =>
      other.frames.some((frame) => frame.type === "presence" && frame.personId === sloth.me.person.id && !frame.online);
    let sent = 0;
    for (; sent < 1_000 && !isGone(); sent += 1) {
      await mara.client.ok("POST", `/rooms/${mara.general.id}/messages`, {
        clientMessageId: `client-${sent}`,
        text: "漢".repeat(16_000),
      });
    }
    expect(isGone()).toBe(true);
    await other.next("post", (frame) => frame.post.clientMessageId === `client-${sent - 1}`);
    slow.raw.terminate();
  });
});
