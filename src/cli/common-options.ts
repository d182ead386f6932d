import type { Command } from "commander";
import { createOutput, type Output } from "./output.ts";

export interface CommonOptions {
  readonly data?: string;
  readonly json?: boolean;
  readonly organization?: string;
}

/** Gives a command the options that all commands which ask a running Parley have. */
export function common(command: Command): Command {
  return command
    .option("--data <folder>", "data folder of the Parley in question; default as its configuration says")
    .option(
      "--organization <id>",
      "the organization in question, where there are several; default the deployment's own",
    )
    .option("--json", "write JSON");
}

export function outputOf(options: CommonOptions): Output {
  return createOutput(options.json === true);
}
