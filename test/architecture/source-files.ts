import { readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

const NOT_OURS = new Set(["node_modules", "dist", "migrations", ".tmp"]);

/** Gives the TypeScript files below these top folders, by path from the root of the repository. */
export function sourceFiles(...folders: readonly string[]): string[] {
  return folders.flatMap((folder) => {
    let entries: ReturnType<typeof listAll>;
    try {
      entries = listAll(join(root, folder));
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
      throw error;
    }
    return entries
      .filter((entry) => entry.isFile() && /\.[cm]?tsx?$/.test(entry.name))
      .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join("/"))
      .filter((path) => !path.split("/").some((segment) => NOT_OURS.has(segment)))
      .sort();
  });
}

function listAll(folder: string) {
  return readdirSync(folder, { recursive: true, withFileTypes: true });
}

/** Reads a file by its path from the root of the repository. */
export function readSource(path: string): string {
  return readFileSync(join(root, path), "utf8");
}
