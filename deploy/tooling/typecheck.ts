import { execFileSync, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

// By path and with its version asserted: a package that brings another TypeScript can take over `npx tsc`.
const compiler = fileURLToPath(new URL("../../node_modules/typescript/bin/tsc", import.meta.url));
const project = fileURLToPath(new URL("../..", import.meta.url));

const version = execFileSync(process.execPath, [compiler, "--version"], { encoding: "utf8" }).trim();
if (!version.startsWith("Version 7.")) {
  process.stderr.write(`The types are to be checked with TypeScript 7, but node_modules/typescript is: ${version}\n`);
  process.exit(1);
}
const { status } = spawnSync(process.execPath, [compiler, "--noEmit", "-p", project], { stdio: "inherit" });
process.exit(status ?? 1);
