#!/usr/bin/env node
// Starts Parley's command line in a Node that can run it. Written for any Node from 14 on, which may be all there is:
// Parley itself is TypeScript, which Node runs from 22.18 on, and `npm install` brings such a Node along.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import * as nodeModule from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const launcher = fileURLToPath(import.meta.url);
const here = dirname(launcher);
const root = join(here, "..", "..");
const bundled = join(root, "node_modules", "node", "bin", process.platform === "win32" ? "node.exe" : "node");
/** How the second Node is called, so that one that is too old as well does not start a third. */
const RELAUNCHED = "parley-node";
const [major, minor] = process.versions.node.split(".").map(Number);

if (major > 22 || (major === 22 && minor >= 18)) {
  if (process.argv0 === RELAUNCHED && process.connected) endWithLauncher();
  // Halves the time to load; a folder that cannot be written to only means that nothing is kept.
  nodeModule.enableCompileCache(join(root, "node_modules", ".cache", "parley"));
  await import("./parley.ts");
} else if (existsSync(bundled) && process.argv0 !== RELAUNCHED) {
  const child = spawn(bundled, [launcher, ...process.argv.slice(2)], {
    stdio: ["inherit", "inherit", "inherit", "ipc"],
    argv0: RELAUNCHED,
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => {
    console.error(`parley: ${bundled} cannot be started: ${error.message}`);
    process.exitCode = 1;
  });
  child.on("exit", (code, signal) => {
    if (signal === null) {
      process.exitCode = code === null ? 1 : code;
      return;
    }
    // Ends the same way as the child did, so that whoever started this sees the truth.
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
} else {
  console.error(
    `parley: this is Node ${process.versions.node}, and Parley needs 22.18 or newer. ` +
      `Run "npm install" in ${root}, which brings one along, and start again.`,
  );
  process.exitCode = 1;
}

/** A launcher that was killed cannot pass that on; a Parley left behind would keep the data folder and the port from the next one. */
function endWithLauncher() {
  process.on("disconnect", () => process.exit(1));
  // The channel carries nothing and must not keep a command alive that is done.
  process.channel?.unref();
}
