import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const CHECKS = ["typecheck", "lint", "format:check", "knip", "layers"];

// All of them run, whatever the first says: one look shows everything that is to be mended.
const cwd = fileURLToPath(new URL("../..", import.meta.url));
const failed = CHECKS.filter((name) => {
  process.stdout.write(`\n# ${name}\n`);
  return spawnSync("npm", ["run", "--silent", name], { cwd, stdio: "inherit" }).status !== 0;
});

process.stdout.write(`\n${CHECKS.map((name) => `${name} ${failed.includes(name) ? "FAILED" : "ok"}`).join(", ")}\n`);
process.exitCode = failed.length === 0 ? 0 : 1;
