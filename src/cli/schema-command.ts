import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Command } from "commander";
import { z } from "zod";
import { ENVELOPE_VERSION, Envelope } from "../envelope/envelope.ts";
import { REPLY_VERSION, Reply } from "../envelope/reply.ts";
import { ReplyEvent } from "../envelope/reply-event.ts";
import { EXIT } from "./exit.ts";
import { createOutput } from "./output.ts";

const DEFAULT_FOLDER = path.resolve(import.meta.dirname, "../../deploy/schemas");

/** The published JSON Schema files (draft 2020-12) by file name: what may be handed in, so defaults may be left out. */
export function schemaFiles(): ReadonlyMap<string, string> {
  const file = (schema: z.ZodType, title: string, description: string) =>
    `${JSON.stringify({ title, description, ...z.toJSONSchema(schema, { io: "input", unrepresentable: "any", reused: "ref" }) }, null, 2)}\n`;
  return new Map([
    [
      `envelope.v${ENVELOPE_VERSION}.schema.json`,
      file(Envelope, "Parley envelope", "The normalised inbound event of any platform"),
    ],
    [
      `reply.v${REPLY_VERSION}.schema.json`,
      file(Reply, "Parley reply", "What an agent answers: an ordered list of typed parts"),
    ],
    [
      `reply-event.v${REPLY_VERSION}.schema.json`,
      file(ReplyEvent, "Parley reply event", "One line of a streamed answer (NDJSON or SSE)"),
    ],
  ]);
}

/** `parley schemas` */
export function addSchemaCommand(program: Command): void {
  program
    .command("schemas [folder]")
    .description("write the JSON Schema files of envelope and reply; default into deploy/schemas")
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
