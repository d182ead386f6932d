import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

/** The root folder of the repository. */
export const repositoryFolder = fileURLToPath(new URL("../..", import.meta.url));

/** Where the page's sources are, and where its build goes. */
export const pageSourceFolder = join(repositoryFolder, "src", "console");
export const pageBuildFolder = join(pageSourceFolder, "dist");

/** The file of a build that names the sources it was made from. */
export const fingerprintFile = "sources.sha256";

const FURTHER_SOURCES = ["deploy/tooling/vite.config.ts", "package-lock.json"];

/**
 * Gives a hash of everything that decides what the built page looks like, names and content, in hex.
 * Content, not times: a checkout, a copy into an image or a deleted file must not fool it.
 */
export function pageFingerprint(): string {
  const files = readdirSync(pageSourceFolder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !path.startsWith(pageBuildFolder + sep))
    .concat(FURTHER_SOURCES.map((path) => join(repositoryFolder, path)))
    .sort();
  const hash = createHash("sha256");
  for (const file of files) {
    const content = readFileSync(file);
    hash.update(`${relative(repositoryFolder, file)}\0${content.byteLength}\0`).update(content);
  }
  return hash.digest("hex");
}
