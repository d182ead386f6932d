import { describe, expect, it } from "vitest";
import { commandOptions, findTrigger, mentionOptions } from "../../../src/console/composer/completion.ts";
import { ada, ben, guide } from "./state-fixtures.ts";

const at = (marked: string) => findTrigger(marked.replace("|", ""), marked.indexOf("|"));

describe("findTrigger", () => {
  it.each([
    ["@|", "", 0],
    ["@gu|", "gu", 0],
    ["hi @Gu| there", "gu", 3],
    ["(@gu|", "gu", 1],
    ["@ben ca|", "ben ca", 0],
    ["line\n@é|", "é", 5],
  ])("finds the mention in %s", (text, query, start) => {
    expect(at(text)).toEqual({ kind: "mention", query, start });
  });

  it.each(["ada@gu|", "`@gu|", "```\n@gu|", "@guide what can|", "no at|", "@gu and more|"])(
    "finds none in %s",
    (text) => {
      expect(at(text)).toBeUndefined();
    },
  );

  it("finds a command only at the very beginning", () => {
    expect(at("/st|")).toEqual({ kind: "command", query: "st", start: 0 });
    expect(at("say /st|")).toBeUndefined();
    expect(at("/stop now|")).toBeUndefined();
  });
});

describe("mentionOptions", () => {
  const assistant = { ...guide, agentId: "a-2", handle: "assistant", name: "Assistant" };
  const inserts = (query: string) =>
    mentionOptions(query, [guide, assistant], [ada, ben]).map((option) => option.insert);

  it("offers agents, then people, then everyone", () => {
    expect(inserts("")).toEqual(["@guide ", "@assistant ", "@Ada ", "@Ben Carter ", "@everyone "]);
  });

  it("puts beginnings before inner matches, and takes no single letter for an inner match", () => {
    expect(inserts("gu")).toEqual(["@guide "]);
    expect(inserts("a")).toEqual(["@assistant ", "@Ada "]);
    expect(inserts("id")).toEqual(["@guide "]);
    expect(inserts("ben c")).toEqual(["@Ben Carter "]);
  });

  it("offers no more than eight", () => {
    const many = Array.from({ length: 30 }, (_, index) => ({ ...guide, handle: `agent${index}` }));
    expect(mentionOptions("agent", many, [])).toHaveLength(8);
  });
});

describe("commandOptions", () => {
  const commands = [
    { name: "stop", usage: "/stop [@agent]", description: "Stop." },
    { name: "help", usage: "/help", description: "Help." },
  ];

  it("inserts the command with its slash", () => {
    expect(commandOptions("s", commands)).toMatchObject([{ title: "/stop [@agent]", insert: "/stop " }]);
    expect(commandOptions("x", commands)).toEqual([]);
  });
});
