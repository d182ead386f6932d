import { describe, expect, it } from "vitest";
import { parseCommand } from "../../../adapters/web/commands.ts";
import { readMentions } from "../../../adapters/web/mentions.ts";
import { contentToText } from "../../../src/envelope/content.ts";

const NAMES = {
  agents: [{ handle: "guide" }, { handle: "guide-two" }],
  people: [
    { personId: "u1", name: "Anna" },
    { personId: "u2", name: "Anna Maria" },
    { personId: "u3", name: "Žofie" },
  ],
};

describe("readMentions", () => {
  it.each([
    ["hello @guide", { agents: ["guide"] }],
    ["@GUIDE, please", { agents: ["guide"] }],
    ["(@guide) and @guide.", { agents: ["guide"] }],
    ["@guide - hello", { agents: ["guide"] }],
    ["@guide-two hello", { agents: ["guide-two"] }],
    ["@guide-three hello", {}],
    ["@guidebook", {}],
    ["mail me at me@guide or a/@guide", {}],
    ["@Anna Maria and @anna", { people: ["u2", "u1"] }],
    ["@Anna Mariana", { people: ["u1"] }],
    ["@žofie @Žofie", { people: ["u3"] }],
    ["@everyone", { everyone: true }],
    ["@here and @channel", { everyone: true }],
    ["@nobody @", {}],
    ["`@guide` and ``x @guide``", {}],
    ["```\n@guide\n@everyone\n```\n@Anna", { people: ["u1"] }],
    ["    @guide as code", {}],
    ["~~~\n@guide\n~~~", {}],
    ["**@guide** _@Anna_ [@everyone](x)", { agents: ["guide"], people: ["u1"], everyone: true }],
    ["İİİ @guide", { agents: ["guide"] }],
  ])("reads %j", (text, expected: { agents?: string[]; people?: string[]; everyone?: boolean }) => {
    const { content, mentions } = readMentions(text, NAMES);
    expect(mentions).toEqual({
      agentHandles: expected.agents ?? [],
      personIds: expected.people ?? [],
      everyone: expected.everyone ?? false,
    });
    expect(contentToText(content).toLowerCase()).toBe(text.toLowerCase());
  });

  it("bounds the mentions of one text, and keeps the rest as words", () => {
    const text = "@guide ".repeat(1_000);
    const { content } = readMentions(text, NAMES);
    expect(content.filter((block) => block.type === "mention")).toHaveLength(100);
    expect(contentToText(content)).toBe(text);
  });
});

describe("parseCommand", () => {
  it.each([
    ["/stop", { command: "stop", text: "" }],
    ["  /ask @guide  what?\nnow ", { command: "ask", text: "@guide  what?\nnow" }],
    ["/Stop", { command: "stop", text: "" }],
    ["/stopping @guide", { command: "help", text: "/stopping @guide" }],
    ["/etc/hosts is a file", undefined],
    ["a /stop", undefined],
    ["//stop", undefined],
    ["/", undefined],
  ])("reads %j", (text, expected) => {
    expect(parseCommand(text)).toEqual(expected);
  });
});
