import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

/**
 * `npm run agent:new -- --kind socket|webhook|acp|a2a|model|function [--name x] [--folder y]`: writes a folder with an agent that works.
 *
 * The folder is `./<name>` where npm was called unless `--folder` says otherwise; nothing that is there is touched.
 */
const root = fileURLToPath(new URL("../..", import.meta.url));
const templates = join(root, "deploy/templates");
const kinds = readdirSync(templates).sort();
const DEFAULT_PORT = "3700";

const USAGE = `Usage: npm run agent:new -- --kind ${kinds.join("|")} [--name <name>] [--folder <folder>]`;

const values = readOptions();
if (values.help === true) {
  process.stdout.write(
    `${USAGE}\n\nWrites a folder with an agent that works, and a README of what to do with it: ./<name> unless --folder says otherwise.\n`,
  );
  process.exit(0);
}
const { kind = "", name = `my-${kind}-agent` } = values;
const handle = name
  .toLowerCase()
  .replace(/[^a-z0-9_-]+/g, "-")
  .replace(/^[^a-z]+/, "")
  .slice(0, 32);

if (!kinds.includes(kind)) fail(USAGE);
if (handle === "") fail("The name must have a letter of a-z.");
const folder = resolve(process.env["INIT_CWD"] ?? process.cwd(), values.folder ?? handle);
if (existsSync(folder) && readdirSync(folder).length > 0) fail(`${folder} is not empty.`);

mkdirSync(folder, { recursive: true });
const source = join(templates, kind);
for (const file of readdirSync(source))
  writeFileSync(join(folder, file), filled(readFileSync(join(source, file), "utf8")));
if (existsSync(join(folder, "agent.ts"))) writePackage();
process.stdout.write(`${readFileSync(join(folder, "README.md"), "utf8")}\nWritten to ${folder}\n`);

function readOptions() {
  try {
    return parseArgs({
      options: {
        kind: { type: "string" },
        name: { type: "string" },
        folder: { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    }).values;
  } catch (error) {
    return fail(`${error instanceof Error ? error.message.split(". ")[0] : String(error)}. ${USAGE}`);
  }
}

function filled(text: string): string {
  return text
    .replaceAll("__NAME__", name)
    .replaceAll("__HANDLE__", handle)
    .replaceAll("__FOLDER__", folder)
    .replaceAll("__PORT__", DEFAULT_PORT);
}

/**
 * Only what imports `parley/agent` needs Parley itself, which is linked to where it is. The Node that runs this runs the agent too, since the one of the
 * machine may know no TypeScript; on another machine `npm install` brings it.
 */
function writePackage(): void {
  const needsParley = readFileSync(join(folder, "agent.ts"), "utf8").includes('from "parley/agent"');
  const content = {
    name: handle,
    private: true,
    type: "module",
    engines: { node: ">=22.18" },
    scripts: { start: "node agent.ts" },
    ...(needsParley && { dependencies: { parley: `file:${relative(folder, root)}` } }),
    devDependencies: { node: process.versions.node },
  };
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(content, null, 2)}\n`);
  linkNode();
  if (!needsParley) return;
  symlinkSync(root, join(folder, "node_modules/parley"), "junction");
}

/** First on the path of `npm start`. */
function linkNode(): void {
  const commands = join(folder, "node_modules/.bin");
  mkdirSync(commands, { recursive: true });
  if (process.platform === "win32") writeFileSync(join(commands, "node.cmd"), `@"${process.execPath}" %*\r\n`);
  else symlinkSync(process.execPath, join(commands, "node"));
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}
