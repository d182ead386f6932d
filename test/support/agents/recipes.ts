import { readFile } from "node:fs/promises";
import { join } from "node:path";

/** One row of the README's table: what an agent is made with, and the commands that bring it into Parley. */
export interface Recipe {
  readonly madeWith: string;
  /** Of the agent in it. */
  readonly handle: string;
  /** In their order; what is to be written into the configuration file is no command. */
  readonly commands: readonly string[];
  readonly lines: number;
}

/** The recipes as the README gives them. */
export async function readRecipes(root: string): Promise<readonly Recipe[]> {
  const readme = await readFile(join(root, "README.md"), "utf8");
  const [, table = ""] = readme.split("| I have an agent made with … | recipe |\n|---|---|\n");
  return table
    .slice(0, table.indexOf("\n\n"))
    .split("\n")
    .map((row): Recipe => {
      const [, madeWith = "", cell = ""] = /^\| (.*?) \| (.*) \|$/u.exec(row) ?? [];
      const lines = cell.split("<br>");
      const commands = lines.flatMap((line) => /^`([^`]+)`$/u.exec(line)?.[1] ?? []);
      const handle = /agents add (\S+)|--name (\S+)/u.exec(commands[0] ?? "");
      return { madeWith, handle: handle?.[1] ?? handle?.[2] ?? "", commands, lines: lines.length };
    });
}

/** The words of a command as a shell would split it: single quotes hold together. */
export function wordsOf(command: string): readonly string[] {
  return (command.match(/'[^']*'|\S+/gu) ?? []).map((word) => word.replace(/^'(.*)'$/u, "$1"));
}
