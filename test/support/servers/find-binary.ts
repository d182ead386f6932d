import { accessSync, constants, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";

const DEBIAN_POSTGRES_ROOT = "/usr/lib/postgresql";

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Finds the first executable of one of these names on PATH, then in the extra folders; undefined when there is none. */
export function findBinary(names: readonly string[], extraFolders: readonly string[] = []): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter).filter(Boolean), ...extraFolders];
  for (const name of names) {
    for (const folder of folders) {
      const candidate = join(folder, name);
      if (isExecutable(candidate)) return candidate;
    }
  }
  return undefined;
}

/**
 * Lists the folders in which Debian keeps PostgreSQL's server programs, newest major version first.
 * Debian leaves them off PATH on purpose, because several versions may be installed at once.
 */
export function postgresFolders(): string[] {
  try {
    return readdirSync(DEBIAN_POSTGRES_ROOT)
      .filter((version) => /^\d+$/.test(version))
      .sort((a, b) => Number(b) - Number(a))
      .map((version) => join(DEBIAN_POSTGRES_ROOT, version, "bin"));
  } catch {
    return [];
  }
}
