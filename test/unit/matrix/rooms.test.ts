import { describe, expect, test } from "vitest";
import { accessOf } from "../../../adapters/matrix/access.ts";
import { transactionId } from "../../../adapters/matrix/content.ts";
import { refusalError, transportError } from "../../../adapters/matrix/errors.ts";
import { asEventId, asRoomId, asUserId, parseMxc } from "../../../adapters/matrix/matrix-ids.ts";
import { mediaIdOf, readMediaId } from "../../../adapters/matrix/media-id.ts";
import { orderOf, RoomOrder } from "../../../adapters/matrix/order.ts";
import { matrixRegistration } from "../../../adapters/matrix/registration.ts";
import { ALICE, memberState, stateOf } from "./fixtures.ts";

const BOB = "@bob:parley.test";
const create = (version: string, more: Record<string, unknown> = {}) =>
  ["m.room.create", "", { room_version: version, ...more }, ALICE] as const;
const levels = (content: Record<string, unknown>) => ["m.room.power_levels", "", content] as const;

describe("access in a room", () => {
  test.each([
    ["a member", [memberState(BOB)], { read: true, post: true, moderate: false, rule: "member" }],
    ["nobody", [], { read: false, post: false, rule: "not_member" }],
    ["somebody banned", [memberState(BOB, { membership: "ban" })], { read: false, rule: "banned" }],
    ["somebody invited", [memberState(BOB, { membership: "invite" })], { read: false, rule: "invited" }],
    [
      "a passer-by of an open room",
      [["m.room.history_visibility", "", { history_visibility: "world_readable" }] as const],
      { read: true, post: false, rule: "world_readable" },
    ],
    ["a member without the level", [memberState(BOB), levels({ events_default: 10 })], { read: true, post: false }],
    ["a moderator", [memberState(BOB), levels({ users: { [BOB]: 50 } })], { moderate: true }],
    ["a level written as text", [memberState(BOB), levels({ users: { [BOB]: "50" } })], { moderate: true }],
    [
      "a hostile level",
      [memberState(BOB), levels({ users: { [BOB]: { "50": 1 } }, users_default: [] })],
      { moderate: false },
    ],
    [
      "a member of a closed room",
      [memberState(BOB), ["m.room.tombstone", "", { replacement_room: "!n" }] as const],
      { read: true, post: false, rule: "tombstone" },
    ],
  ])("of %s", (_name, states, expected) => {
    expect(accessOf(stateOf(create("11"), ...states), BOB)).toMatchObject(expected);
  });

  test("creators stand above every level in version 12, and only there", () => {
    const closed = levels({ events_default: 9_000, users: {}, ban: 9_000, kick: 9_000, redact: 9_000 });
    const twelve = stateOf(create("12", { additional_creators: [BOB] }), memberState(ALICE), memberState(BOB), closed);
    for (const userId of [ALICE, BOB])
      expect(accessOf(twelve, userId)).toMatchObject({ post: true, moderate: true, rule: "creator" });
    const eleven = stateOf(create("11", { additional_creators: [BOB] }), memberState(ALICE), memberState(BOB), closed);
    for (const userId of [ALICE, BOB]) expect(accessOf(eleven, userId)).toMatchObject({ post: false, moderate: false });
    expect(accessOf(stateOf(create("11"), memberState(ALICE)), ALICE).moderate).toBe(true);
  });
});

test("ids are checked, and the server is not read out of a room's", () => {
  expect(asRoomId("!31hneApxJ_1o-63DmFrpeqnkFfWppnzWso1JvH3ogLM")).toBeDefined();
  expect([asRoomId("room"), asRoomId("!"), asRoomId("!a b"), asRoomId(`!${"x".repeat(300)}`)]).toEqual(
    Array(4).fill(undefined),
  );
  expect([asUserId("@a"), asUserId("a:b"), asUserId("@a:b c")]).toEqual(Array(3).fill(undefined));
  expect(asEventId("$\ud800")).toBeUndefined();
  expect(parseMxc("mxc://a.example:8448/x_Y-1")).toEqual({ server: "a.example:8448", mediaId: "x_Y-1" });
  for (const bad of ["https://a/b", "mxc://a/../b", "mxc://a/b/c", "mxc://a/b?c", "mxc:///b"])
    expect(parseMxc(bad)).toBeUndefined();
});

test("media of encrypted rooms keeps its key in its id", () => {
  const file = { url: "mxc://a/b", key: { k: "k".repeat(43) }, iv: "i".repeat(22), hashes: { sha256: "s".repeat(43) } };
  const id = mediaIdOf({ file }) ?? "";
  expect(readMediaId(id)).toEqual({
    server: "a",
    mediaId: "b",
    key: { key: "k".repeat(43), iv: "i".repeat(22), sha256: "s".repeat(43) },
  });
  expect(readMediaId("mxc://a/b")).toMatchObject({ key: undefined });
  expect(mediaIdOf({ file: { ...file, iv: "x" } })).toBeUndefined();
  expect(readMediaId("https://a/b")).toBeUndefined();
});

test("order follows arrival, never goes back, and is the same for the same stretch", () => {
  const stretch = [5_000, 5_000, 3_000, 9_000_000, 6_000];
  const run = () => {
    const order = new RoomOrder();
    return stretch.map((ms) => order.next("!r", ms, 10_000));
  };
  const first = run();
  expect(run()).toEqual(first);
  expect(first.toSorted()).toEqual(first);
  expect(new Set(first).size).toBe(first.length);
  expect(orderOf(10_000) <= (first.at(-1) ?? "")).toBe(true);
});

test("transaction ids are 32 signs of base32 and differ", () => {
  expect(transactionId("a")).toMatch(/^[a-z2-7]{32}$/u);
  expect(transactionId("a")).toBe(transactionId("a"));
  expect(transactionId("a")).not.toBe(transactionId("b"));
});

describe("errors", () => {
  test.each([
    [403, "M_FORBIDDEN", "PLATFORM_FORBIDDEN", "not_sent"],
    [401, "M_UNKNOWN_TOKEN", "PLATFORM_UNAUTHORIZED", "not_sent"],
    [404, "M_NOT_FOUND", "TARGET_NOT_FOUND", "not_sent"],
    [413, "M_TOO_LARGE", "CONTENT_REJECTED", "not_sent"],
    [400, "M_UNKNOWN", "CONTENT_REJECTED", "not_sent"],
    [500, "M_UNKNOWN", "PLATFORM_OUTCOME_UNKNOWN", "unknown"],
    [502, undefined, "PLATFORM_OUTCOME_UNKNOWN", "unknown"],
    [404, undefined, "PLATFORM_UNAVAILABLE", "not_sent"],
    [429, "M_LIMIT_EXCEEDED", "PLATFORM_RATE_LIMITED", "not_sent"],
    [400, "<script>", "CONTENT_REJECTED", "not_sent"],
  ])("%i %s", (status, errcode, code, delivery) => {
    const error = refusalError("send", { status, errcode, retryAfterMs: undefined });
    expect(error).toMatchObject({ code, delivery });
    expect(error.message).not.toContain("<script>");
  });

  test("say whether anything may have left", () => {
    const refused = new TypeError("fetch failed", { cause: Object.assign(new Error("x"), { code: "ECONNREFUSED" }) });
    expect(transportError("send", refused)).toMatchObject({ code: "PLATFORM_UNAVAILABLE", delivery: "not_sent" });
    const reset = new TypeError("fetch failed", { cause: Object.assign(new Error("x"), { code: "ECONNRESET" }) });
    expect(transportError("send", reset)).toMatchObject({ code: "PLATFORM_OUTCOME_UNKNOWN", delivery: "unknown" });
  });
});

test("the registration owns its accounts alone and is not rate limited", () => {
  const file = matrixRegistration({
    url: "https://p.example",
    appServiceToken: "a",
    homeserverToken: "h",
    senderLocalpart: "parley",
    puppetPrefix: "p.ai_",
  });
  expect(file).toContain("rate_limited: false");
  expect(file).toContain("exclusive: true");
  expect(file).toContain('regex: "@p\\\\.ai_.*"');
});
