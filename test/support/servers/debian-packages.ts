import { execFile } from "node:child_process";
import { rm, writeFile } from "node:fs/promises";
import { promisify } from "node:util";
import { findBinary, postgresFolders } from "./find-binary.ts";

const run = promisify(execFile);

const INSTALL_TIMEOUT_MS = 15 * 60_000;
const LOCK_FILE = "/run/parley-test-packages.lock";
const POLICY_FILE = "/usr/sbin/policy-rc.d";

/** The programs the tests run for real, by the Debian package that brings them. */
const PROGRAMS = {
  "redis-server": () => findBinary(["redis-server", "valkey-server"]),
  postgresql: () => {
    const initdb = findBinary(["initdb"], postgresFolders());
    return initdb && findBinary(["postgres"], postgresFolders());
  },
  chromium: () => findBinary(["chromium", "chromium-browser", "google-chrome"]),
  python3: () => findBinary(["python3"]),
  mmdebstrap: () => findBinary(["mmdebstrap"]),
} as const;

export type TestPackage = keyof typeof PROGRAMS;

/**
 * Guarantees that the programs of these packages are on the machine and gives the path of each. Missing ones are
 * installed with apt-get when this process is root on a machine that has it; nothing of them is started.
 *
 * @throws Error of one line that says what to install, when a program is missing and cannot be installed.
 */
export async function ensurePackages<P extends TestPackage>(...packages: readonly P[]): Promise<Record<P, string>> {
  const missing = packages.filter((name) => PROGRAMS[name]() === undefined);
  if (missing.length > 0) await install(missing);
  const found = packages.map((name) => {
    const path = PROGRAMS[name]();
    if (path === undefined)
      throw new Error(whatToInstall([name], "the package is installed but its program is not found"));
    return [name, path] as const;
  });
  return Object.fromEntries(found) as Record<P, string>; // every key of P is in `packages`
}

function whatToInstall(missing: readonly string[], reason: string): string {
  const list = missing.join(" ");
  return `The tests need ${missing.join(", ")} (${reason}). Install with "apt-get install ${list}" on Debian, or your system's packages of the same programs on PATH.`;
}

async function install(missing: readonly TestPackage[]): Promise<void> {
  const aptGet = findBinary(["apt-get"]);
  if (aptGet === undefined) throw new Error(whatToInstall(missing, "not found, and this machine has no apt-get"));
  if (process.getuid?.() !== 0) throw new Error(whatToInstall(missing, "not found, and only root can install them"));

  process.stderr.write(`Installing ${missing.join(", ")} from Debian's packages (once)\n`);
  const mayStartNothing = await forbidServiceStarts();
  try {
    await apt(aptGet, ["update", "-qq"]).catch(() => undefined); // stale package lists may still do
    await apt(aptGet, ["install", "-y", "-qq", "--no-install-recommends", ...missing]);
  } catch (error) {
    const text = error instanceof Error && "stderr" in error ? String(error.stderr) : String(error);
    const lastError = text.split("\n").findLast((line) => line.startsWith("E:")) ?? text.trim().split("\n").at(-1);
    throw new Error(whatToInstall(missing, `apt-get failed: ${lastError}`), { cause: error });
  } finally {
    await mayStartNothing.release();
  }
}

/** Two test runs may want the same packages at the same moment: flock makes the second one wait for the first. */
async function apt(aptGet: string, args: readonly string[]): Promise<void> {
  await run("flock", [LOCK_FILE, aptGet, "-o", "DPkg::Lock::Timeout=600", ...args], {
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    timeout: INSTALL_TIMEOUT_MS,
    maxBuffer: 64 * 1024 * 1024,
  });
}

/** Debian starts a server as soon as its package is configured, unless policy-rc.d says 101 (action forbidden). */
async function forbidServiceStarts(): Promise<{ release(): Promise<void> }> {
  try {
    await writeFile(POLICY_FILE, "#!/bin/sh\nexit 101\n", { flag: "wx", mode: 0o755 });
  } catch {
    return { release: async () => undefined }; // the machine has a policy of its own: it stays
  }
  return { release: () => rm(POLICY_FILE, { force: true }) };
}
