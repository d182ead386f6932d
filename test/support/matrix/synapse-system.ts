import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { ensurePackages } from "../servers/debian-packages.ts";
import { findBinary } from "../servers/find-binary.ts";

const run = promisify(execFile);

/** Synapse left Debian's stable releases; sid is the one that keeps it up to date. */
const SUITE = "sid";
/** Raised when a system that an earlier version of this file made will no longer do. */
const REVISION = 1;
const INSTALL_TIMEOUT_MS = 10 * 60_000;
const PROGRESS_INTERVAL_MS = 15_000;
const PROGRAM = "usr/bin/synapse_homeserver";

/** Where downloaded systems stay between test runs, outside of the source tree. */
function cacheFolder(): string {
  return join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "parley-tests");
}

/**
 * Gives the root folder of a small Debian system with Synapse in it, to be entered by chroot; installs it when it is
 * missing, which takes about a minute and 400 MB, once per machine. Two processes may ask at the same time.
 *
 * @throws Error of one line that says what is missing, when this process is not root or the packages cannot be had.
 */
export async function ensureSynapse(): Promise<string> {
  const root = join(cacheFolder(), `synapse-${SUITE}-${REVISION}`);
  if (process.getuid?.() !== 0) throw new Error(whyNot("only root can run it, in a system of its own (chroot)"));
  if (existsSync(join(root, PROGRAM))) return root;
  if (findBinary(["apt-get"]) === undefined) throw new Error(whyNot("this machine has no apt-get"));
  const { mmdebstrap } = await ensurePackages("mmdebstrap").catch((error: unknown) => {
    throw new Error(whyNot(error instanceof Error ? error.message : String(error)), { cause: error });
  });
  await mkdir(cacheFolder(), { recursive: true });
  await install(mmdebstrap, root);
  return root;
}

function whyNot(reason: string): string {
  return `The Matrix tests need Synapse, which they install from Debian's packages: ${reason}. Run them as root on Debian.`;
}

async function install(mmdebstrap: string, root: string): Promise<void> {
  process.stderr.write("Installing Synapse from Debian's packages (once, about a minute)\n");
  const partial = `${root}.partial-${process.pid}`;
  const startedAt = performance.now();
  const progress = setInterval(() => {
    const seconds = Math.round((performance.now() - startedAt) / 1000);
    process.stderr.write(`Installing Synapse: ${seconds} s, gives up at ${INSTALL_TIMEOUT_MS / 1000} s\n`);
  }, PROGRESS_INTERVAL_MS);
  try {
    const mirror = await mirrorOfApt();
    const work = [
      mmdebstrap,
      "--quiet",
      "--mode=root",
      "--variant=apt",
      "--include=ca-certificates,matrix-synapse",
      '--aptopt=Apt::Install-Recommends "false"',
      // A mirror may lag behind the few days for which the list of packages says that it is good.
      '--aptopt=Acquire::Check-Valid-Until "false"',
      SUITE,
      partial,
      `deb [check-valid-until=no] ${mirror} ${SUITE} main`,
    ];
    // flock makes a second test run wait for the first, and then find its work done.
    const once = 'test -e "$0" && exit; from=$1; shift; "$@" && mv "$from" "$0"';
    await runToEnd("flock", [`${root}.lock`, "sh", "-c", once, root, partial, ...work]);
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    throw new Error(whyNot(`mmdebstrap failed: ${error instanceof Error ? error.message : String(error)}`), {
      cause: error,
    });
  } finally {
    clearInterval(progress);
  }
}

/** Whatever mirror this machine's apt uses is the one that its owner chose. */
async function mirrorOfApt(): Promise<string> {
  const format = ["--format", "$(SITE)", "Created-By: Packages"];
  const { stdout } = await run("apt-get", ["indextargets", ...format]);
  const mirror = [...new Set(stdout.split("\n"))].filter((line) => line !== "" && !line.includes("security")).sort()[0];
  if (mirror === undefined) throw new Error("apt knows no mirror");
  return mirror;
}

/** Ends the whole group at the deadline: mmdebstrap has children that would go on. */
async function runToEnd(command: string, args: readonly string[]): Promise<void> {
  const child = spawn(command, args, { stdio: ["ignore", "ignore", "pipe"], detached: true });
  let complaints = "";
  child.stderr.on("data", (chunk: Buffer) => {
    complaints = `${complaints}${chunk.toString()}`.slice(-4_000);
  });
  const deadline = setTimeout(() => {
    if (child.pid !== undefined) process.kill(-child.pid, "SIGTERM");
  }, INSTALL_TIMEOUT_MS);
  try {
    const [code, signal]: unknown[] = await once(child, "close");
    if (code === 0) return;
    const told = complaints.split("\n").findLast((line) => line.startsWith("E:")) ?? complaints.trim();
    throw new Error(signal === null ? told : `given up after ${INSTALL_TIMEOUT_MS / 1000} s`);
  } finally {
    clearTimeout(deadline);
  }
}
