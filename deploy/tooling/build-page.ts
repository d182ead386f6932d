import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { fingerprintFile, pageBuildFolder, pageFingerprint } from "./page-fingerprint.ts";

/** The fingerprint of the sources that the present build was made from; undefined without a build. */
function builtFrom(): string | undefined {
  try {
    return readFileSync(join(pageBuildFolder, fingerprintFile), "utf8");
  } catch {
    return undefined;
  }
}

// Runs before `npm start` and `npm test`, hence the check that costs a few milliseconds, and Vite loaded only on need.
if (builtFrom() !== pageFingerprint()) {
  process.stdout.write("Building the page (only after its sources changed)\n");
  const { build } = await import("vite");
  await build({ configFile: fileURLToPath(new URL("vite.config.ts", import.meta.url)), logLevel: "warn" });
}
