import { describe, expect, expectTypeOf, it } from "vitest";
import type { z } from "zod";
import type { ExplanationAnswer } from "../../../adapters/web/explanation.ts";
import * as server from "../../../adapters/web/protocol.ts";
import type * as page from "../../../src/console/api/protocol.ts";
import { parseServerFrame, type ServerFrame } from "../../../src/console/api/server-frame.ts";

/** The page may not import the server's schemas, so its own shapes are compared with them here, by the type checker. */
describe("the page's shapes", () => {
  it("accept every answer of the server", () => {
    expectTypeOf<z.infer<typeof server.MeAnswer>>().toExtend<page.MeAnswer>();
    expectTypeOf<server.WebRoom>().toExtend<page.WebRoom>();
    expectTypeOf<server.WebPost>().toExtend<page.WebPost>();
    expectTypeOf<z.infer<typeof server.MessagesAnswer>>().toExtend<page.MessagesAnswer>();
    expectTypeOf<z.infer<typeof server.ChangesAnswer>>().toExtend<page.ChangesAnswer>();
    expectTypeOf<z.infer<typeof server.MembersAnswer>>().toExtend<page.MembersAnswer>();
    expectTypeOf<z.infer<typeof ExplanationAnswer>>().toExtend<page.ExplanationAnswer>();
    expectTypeOf<z.infer<typeof server.StateAnswer>>().toExtend<page.StateAnswer>();
    expectTypeOf<z.infer<typeof server.SignInLinkAnswer>>().toExtend<page.SignInLinkAnswer>();
    expectTypeOf<z.infer<typeof server.SessionsAnswer>["sessions"][number]>().toExtend<page.WebSession>();
    expectTypeOf<server.ServerFrame>().toExtend<ServerFrame>();
  });

  it("know every kind of frame and of part", () => {
    expectTypeOf<server.ServerFrame["type"]>().toEqualTypeOf<ServerFrame["type"]>();
    expectTypeOf<server.WebPart["type"]>().toEqualTypeOf<NonNullable<page.WebPost["parts"]>[number]["type"]>();
  });

  it("send what the server accepts", () => {
    expectTypeOf<page.ActionBody>().toExtend<z.input<typeof server.ActionBody>>();
  });
});

describe("parseServerFrame", () => {
  const complete: Record<string, unknown> = {
    personId: "p1",
    rooms: [],
    change: "created",
    post: {},
    roomId: "r1",
    threadRootId: null,
    postId: "m1",
    offset: 0,
    text: "",
    room: {},
    person: {},
    agents: [],
    name: "Ada",
    online: true,
    turn: {},
    seq: 1,
    code: "X",
    message: "x",
  };
  const types = server.ServerFrame.options.map((option) => option.shape.type.value);

  it.each(types)("accepts a complete %s frame of the server's schema", (type) => {
    expect(parseServerFrame(JSON.stringify({ ...complete, type }))?.type).toBe(type);
  });

  it.each(types)("refuses a %s frame whose members are missing", (type) => {
    expect(parseServerFrame(JSON.stringify({ type }))).toBeUndefined();
  });

  it.each([
    ["no JSON", "{"],
    ["no object", "1"],
    ["null", "null"],
    ["an unknown type", '{"type":"later"}'],
    ["a type that objects inherit", '{"type":"constructor"}'],
    ["bytes", new ArrayBuffer(2)],
  ])("refuses %s", (_what, data) => {
    expect(parseServerFrame(data)).toBeUndefined();
  });
});
