import type { Command } from "commander";
import { expect, test } from "vitest";
import { createProgram } from "../../../src/cli/program.ts";

function leavesOf(command: Command, path: readonly string[] = []): { name: string; options: string[]; help: string }[] {
  const own = command.commands.length === 0 ? [command] : [];
  return [
    ...own.map((leaf) => ({
      name: path.join(" "),
      options: leaf.options.map(({ long }) => long ?? ""),
      help: leaf.helpInformation(),
    })),
    ...command.commands.flatMap((below) => leavesOf(below, [...path, below.name()])),
  ];
}

test("every command has --json and says in its help what it does", () => {
  const leaves = leavesOf(createProgram());
  expect(leaves.length).toBeGreaterThan(40);
  expect(leaves.filter(({ options }) => !options.includes("--json")).map(({ name }) => name)).toEqual([]);
  for (const { name, help } of leaves)
    expect([name, help.includes("--help") && help.length > 100]).toEqual([name, true]);
});
