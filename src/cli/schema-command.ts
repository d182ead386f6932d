import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Command } from "commander";
import { EXIT } from "./exit.ts";
import { createOutput } from "./output.ts";
import { schemaFiles } from "./schema-files.ts";

const DEFAULT_FOLDER = path.resolve(import.meta.dirname, "../../deploy/schemas");

/** `parley schemas` */
export function addSchemaCommand(program: Command): void {
  program
    .command("schemas [folder]")
    .description(
      "write the JSON Schema files of envelope, turn and reply, and the AsyncAPI document of the dial-in socket; default into deploy/schemas",
    )
    .option("--check", "write nothing; fail when a file is missing or not current")
    .option("--json", "write JSON")
    .action((folder: string | undefined, options: { check?: boolean; json?: boolean }) => {
      const target = path.resolve(folder ?? DEFAULT_FOLDER);
      const files = [...schemaFiles()].map(([name, content]) => ({ file: path.join(target, name), content }));
      const stale = files.filter(({ file, content }) => readIfThere(file) !== content).map(({ file }) => file);
      if (options.check !== true) {
        mkdirSync(target, { recursive: true });
        for (const { file, content } of files) if (stale.includes(file)) writeFileSync(file, content);
      }
      const output = createOutput(options.json === true);
      const verb = options.check === true ? "is not current" : "written";
      output.result({ stale }, () => {
        if (stale.length === 0) output.line("All schema files are current.");
        for (const file of stale) output.line(`${file}: ${verb}`);
      });
      if (options.check === true && stale.length > 0) process.exitCode = EXIT.failed;
    });
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
