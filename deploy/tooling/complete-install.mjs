// Plain JavaScript: it must run under whatever Node the machine has, when the package `node` is not installed.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/*
 * npm leaves out an optional package whose `engines` do not fit the Node that npm itself runs on. On a machine with
 * Node 18 that drops the native parts of Vite, oxlint and oxc, although Parley runs them on the Node 24 of its own
 * dependency. Here, after an install, `node` is that Node 24: when parts are missing, it runs the same npm once more.
 */

const root = fileURLToPath(new URL("../..", import.meta.url));
const npm = process.env["npm_execpath"];
const [, npmsOwnNode] = /^npm\/\S+ node\/(v\S+)/.exec(process.env["npm_config_user_agent"] ?? "") ?? [];

/** The optional packages of the lockfile that fit this machine and are not there. */
function missingPackages() {
  const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
  const here = { os: process.platform, cpu: process.arch, libc: isGlibc() ? "glibc" : "musl" };
  return Object.entries(packages)
    .filter(([path, entry]) => path !== "" && entry.optional && entry.engines?.node && !existsSync(join(root, path)))
    .filter(([, entry]) => entry.os && Object.entries(here).every(([key, value]) => fits(entry[key], value)))
    .map(([path]) => path);
}

function fits(allowed, value) {
  return allowed === undefined || allowed.includes(value);
}

function isGlibc() {
  return process.platform === "linux" && process.report.getReport().header.glibcVersionRuntime !== undefined;
}

if (npm !== undefined && npmsOwnNode !== undefined && npmsOwnNode !== process.version && missingPackages().length > 0) {
  const { status } = spawnSync(
    process.execPath,
    [
      "--no-deprecation",
      npm,
      "install",
      "--no-save",
      "--ignore-scripts",
      "--no-audit",
      "--no-fund",
      "--loglevel=error",
    ],
    { cwd: root, stdio: "inherit" },
  );
  const missing = missingPackages();
  if (missing.length > 0) process.stderr.write(`Native parts are missing: ${missing.join(", ")}\n`);
  process.exitCode = missing.length === 0 ? 0 : (status ?? 1) || 1;
}
