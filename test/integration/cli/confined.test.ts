import { spawn } from "node:child_process";
import { once } from "node:events";
import { chownSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it, onTestFinished } from "vitest";
import { freePort } from "../../support/servers/free-port.ts";

/**
 * Security rule R37: Parley runs as `deploy/systemd/parley.service` has it, as nobody, without any capability or a way to one.
 *
 * Where this user may make a mount namespace (root on Linux), everything but the data folder is read-only too, and nothing in /tmp can be run.
 */

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const UNIT = readFileSync(join(ROOT, "deploy/systemd/parley.service"), "utf8");
const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0;

/** Run in the namespace: the repository is mounted where nobody can read it, wherever it lies. */
const CAGE = `
folder=$1 root=$2; shift 2
app=$root
if mount --bind "$folder" "$folder" 2>/dev/null; then
  mount --bind "$root" "$folder/app" && app=$folder/app
  mount -o remount,ro,bind "$folder/app"
  mount -o remount,ro,bind / || true
  mount -t tmpfs -o size=64m,noexec,nosuid,nodev,mode=1777 tmpfs /tmp && echo caged > "$folder/cage"
fi
cd "$folder"
exec "$@" sh -c 'touch /parley-was-here; touch "$1/parley-was-here"; cp /bin/true /tmp/program && /tmp/program && echo ran > ran; exec "$1/node_modules/node/bin/node" "$1/src/cli/parley.ts" start --json' sh "$app"
`;

it("starts, answers and ends as nobody, without capabilities, and writes nowhere but in its data folder", {
  timeout: 180_000,
}, async () => {
  const folder = mkdtempSync("/var/tmp/parley-confined-");
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, "app"));
  if (isRoot) chownSync(folder, NOBODY, NOBODY);
  const port = await freePort();
  const less = isRoot
    ? [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", "--bounding-set=-all", "--inh-caps=-all"]
    : [];
  const inCage = ["-c", CAGE, "cage", folder, ROOT, "setpriv", ...less, "--no-new-privs"];
  const child = spawn(
    isRoot ? "unshare" : "bash",
    isRoot ? ["--mount", "--propagation", "private", "bash", ...inCage] : inCage,
    {
      env: {
        PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
        HOME: folder,
        PARLEY_DATA: join(folder, "data"),
        PARLEY_PORT: String(port),
      },
      stdio: ["ignore", "ignore", "pipe"],
    },
  );
  const ended = once(child, "exit");
  onTestFinished(() => void child.kill("SIGKILL"));
  let told = "";
  child.stderr.on("data", (piece) => void (told += String(piece)));
  await expect
    .poll(
      async () =>
        await fetch(`http://127.0.0.1:${port}/readyz`).then(
          (answer) => answer.status,
          () => told.slice(-500),
        ),
      { timeout: 150_000, interval: 250 },
    )
    .toBe(200);
  const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
  const line = (name: string): string => new RegExp(`^${name}:\\s*(.*)$`, "mu").exec(status)?.[1] ?? "";
  expect(line("Uid")).not.toMatch(/(?:^|\s)0(?:\s|$)/u);
  expect([line("CapEff"), line("CapPrm"), line("CapAmb")]).toEqual(Array.from({ length: 3 }, () => "0".repeat(16)));
  expect(line("NoNewPrivs")).toBe("1");
  expect(told).toMatch(/touch: .*\/parley-was-here.*(?:Read-only|Permission)/u);
  // Nothing of it lies outside of its folder, and where /tmp is its own nothing there was run.
  const made = readdirSync(folder);
  const unexpected = made.includes("cage") ? made.filter((name) => !["app", "cage", "data"].includes(name)) : [];
  expect(unexpected).toEqual([]);
  expect(statSync(join(folder, "data")).uid).not.toBe(0);
  child.kill("SIGTERM");
  expect((await ended)[0]).toBe(0);
});

it("is shipped with a unit that takes all of it away", () => {
  const settings = UNIT.split("\n").filter((one) => /^[A-Z]\w+=/u.test(one));
  for (const setting of [
    "User=parley",
    "NoNewPrivileges=yes",
    "CapabilityBoundingSet=",
    "ProtectSystem=strict",
    "TemporaryFileSystem=/tmp:rw,noexec,nosuid,nodev,size=64M,mode=1777",
    "ReadOnlyPaths=/opt/parley",
    "SystemCallFilter=@system-service",
    "TasksMax=256",
    "MemoryMax=2G",
    "InaccessiblePaths=-/run/docker.sock -/var/run/docker.sock",
    "IPAddressDeny=169.254.0.0/16 fe80::/10",
  ])
    expect(settings).toContain(setting);
});
