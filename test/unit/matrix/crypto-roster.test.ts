import { describe, expect, test } from "vitest";
import { RoomRoster } from "../../../adapters/matrix/crypto/room-roster.ts";

const ROOM = "!room:parley.test";
const member = (userId: string, membership: string) => ({
  type: "m.room.member",
  state_key: userId,
  content: { membership },
});
const visibility = (value: string) => ({
  type: "m.room.history_visibility",
  state_key: "",
  content: { history_visibility: value },
});

function rosterOf(members: readonly unknown[], content?: unknown) {
  const questions: string[] = [];
  const roster = new RoomRoster({
    members: (roomId) => Promise.resolve(questions.push(roomId)).then(() => members),
    historyVisibility: () => Promise.resolve(content),
  });
  return { roster, questions };
}

describe("who is to read what is said in a room", () => {
  const everybody = [
    member("@in:a", "join"),
    member("@asked:a", "invite"),
    member("@gone:a", "leave"),
    member("@out:a", "ban"),
  ];

  test.each([
    [undefined, "shared", ["@in:a", "@asked:a"]],
    [{ history_visibility: "invited" }, "invited", ["@in:a", "@asked:a"]],
    [{ history_visibility: "world_readable" }, "world_readable", ["@in:a", "@asked:a"]],
    [{ history_visibility: "joined" }, "joined", ["@in:a"]],
    [{ history_visibility: 7 }, "shared", ["@in:a", "@asked:a"]],
  ])("under history visibility %j", async (content, historyVisibility, userIds) => {
    expect(await rosterOf(everybody, content).roster.recipients(ROOM)).toEqual({ userIds, historyVisibility });
  });

  test("is read once, kept fresh by sync, and read again after a gap", async () => {
    const { roster, questions } = rosterOf(everybody);
    await roster.recipients(ROOM);
    roster.apply(ROOM, member("@gone:a", "join"));
    roster.apply(ROOM, member("@in:a", "leave"));
    roster.apply(ROOM, visibility("joined"));
    expect((await roster.recipients(ROOM)).userIds).toEqual(["@gone:a"]);
    expect(questions).toHaveLength(1);
    roster.forget(ROOM);
    expect((await roster.recipients(ROOM)).userIds).toEqual(["@in:a", "@asked:a"]);
    expect(questions).toHaveLength(2);
  });

  test("takes what sync says while the homeserver is being asked", async () => {
    const asked = Promise.withResolvers<readonly unknown[]>();
    const roster = new RoomRoster({
      members: () => asked.promise,
      historyVisibility: () => Promise.resolve(undefined),
    });
    const recipients = roster.recipients(ROOM);
    roster.apply(ROOM, member("@in:a", "leave"));
    asked.resolve(everybody);
    expect((await recipients).userIds).toEqual(["@asked:a"]);
  });

  test("asks again when the room was forgotten meanwhile, and after a failure", async () => {
    let times = 0;
    const roster = new RoomRoster({
      members: () => {
        times += 1;
        if (times === 1) return Promise.reject(new Error("away"));
        if (times === 2) roster.forget(ROOM);
        return Promise.resolve(everybody);
      },
      historyVisibility: () => Promise.resolve(undefined),
    });
    await expect(roster.recipients(ROOM)).rejects.toThrow("away");
    expect((await roster.recipients(ROOM)).userIds).toEqual(["@in:a", "@asked:a"]);
    expect(times).toBe(3);
  });

  test("bears answers that are nonsense", async () => {
    const { roster } = rosterOf([
      null,
      7,
      {},
      { state_key: "@a:a" },
      { state_key: "@b:b", content: { membership: [] } },
    ]);
    expect((await roster.recipients(ROOM)).userIds).toEqual([]);
  });
});
