import { posix } from "node:path";
import { readFacts } from "./source-facts.ts";

const ROOTS = ["adapters", "agents"];
/** The suites are called describeAdapterContract, describeConnectorContract and the like. */
const SUITE = /contract|conformance/i;

/** Gives what each folder under adapters/ and agents/ lacks: an index, or a test that runs its contract suite. */
export function findRosterGaps(paths: readonly string[], read: (path: string) => string): string[] {
  const tested = new Set(
    paths
      .filter((path) => /^test\/contract\/.*\.test\.ts$/.test(path))
      .flatMap((path) => foldersTestedBy(path, read(path))),
  );
  return pluginFolders(paths).flatMap((folder) => {
    const gaps: string[] = [];
    if (!paths.includes(`${folder}/index.ts`)) gaps.push(`${folder} has no index.ts`);
    if (!tested.has(folder)) gaps.push(`${folder} is run through no contract suite in test/contract`);
    return gaps;
  });
}

/** Gives the folders of adapters and connectors: those below the two roots, without what they share. */
export function pluginFolders(paths: readonly string[]): string[] {
  const folders = paths.flatMap((path) => {
    const [root = "", name = "", ...rest] = path.split("/");
    return ROOTS.includes(root) && name !== "shared" && rest.length > 0 ? [`${root}/${name}`] : [];
  });
  return [...new Set(folders)].sort();
}

/** A test counts for a folder when it imports from it and calls a contract suite; to name it in a comment is not enough. */
function foldersTestedBy(path: string, source: string): string[] {
  const { imports, calls } = readFacts(path, source);
  if (![...calls].some((name) => SUITE.test(name))) return [];
  return pluginFolders(
    imports
      .filter(({ specifier, typeOnly }) => specifier.startsWith(".") && !typeOnly)
      .map(({ specifier }) => posix.join(posix.dirname(path), specifier)),
  );
}
