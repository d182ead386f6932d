import { isBuiltin } from "node:module";
import { posix } from "node:path";
import { type Layer, layerOf, mayImport, PACKAGE_OWNERS } from "./layer-table.ts";
import { type ImportFact, readFacts } from "./source-facts.ts";

export type Rule =
  | "unknown-layer"
  | "layer"
  | "package"
  | "dev-dependency"
  | "opaque-import"
  | "environment"
  | "file-name"
  | "file-length";

export interface Breach {
  readonly rule: Rule;
  /** `path:line: what is wrong`. */
  readonly text: string;
}

const MAX_LINES = 400;
const MAX_TEST_LINES = 600;

const PRODUCTION = /^(src|adapters|agents)\//;
const ENVIRONMENT_READERS = /^src\/config\//;
/** These load a module that the operator named: the configuration file, and an agent that is a function. */
const MODULE_LOADERS = /^(src\/config|agents\/function)\//;
const BANNED_NAME = /^(.*-)?(utils?|helpers?|misc)$|^(common|types)$/;
const KEBAB_CASE = /^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)*$/;

/** What the rules must know of the repository beside the file itself. */
export interface Repository {
  /** The packages that an installation without development dependencies has. */
  readonly dependencies: ReadonlySet<string>;
}

/** Gives every breach of the architecture in one source file; the path is from the root of the repository. */
export function findBreaches(path: string, source: string, repository: Repository): Breach[] {
  const breaches: Breach[] = [];
  const add = (rule: Rule, line: number, message: string): void => {
    breaches.push({ rule, text: `${path}:${line}: ${message}` });
  };

  for (const segment of path.split("/")) {
    const stem = segment.replace(/(\.test|\.d)?\.tsx?$/, "");
    if (BANNED_NAME.test(stem)) add("file-name", 1, `"${stem}" says nothing about what is inside`);
    else if (!KEBAB_CASE.test(segment)) add("file-name", 1, `"${segment}" is not in kebab-case`);
  }

  const facts = readFacts(path, source);
  const maxLines = path.startsWith("test/") ? MAX_TEST_LINES : MAX_LINES;
  if (facts.lineCount > maxLines) add("file-length", maxLines, `${facts.lineCount} lines, ${maxLines} at most`);
  if (!PRODUCTION.test(path)) return breaches;

  if (!ENVIRONMENT_READERS.test(path)) {
    for (const line of facts.environmentLines) add("environment", line, "only src/config reads the environment");
  }
  if (!MODULE_LOADERS.test(path)) {
    for (const line of facts.opaqueImportLines) add("opaque-import", line, "an import whose target cannot be checked");
  }

  const layer = layerOf(path);
  if (layer === undefined) {
    add("unknown-layer", 1, "lies in no layer of the table");
    return breaches;
  }
  for (const fact of facts.imports) {
    const breach = importBreach(path, layer, fact, repository);
    if (breach) add(breach.rule, fact.line, breach.message);
  }
  return breaches;
}

interface ImportBreach {
  readonly rule: Rule;
  readonly message: string;
}

function importBreach(path: string, from: Layer, fact: ImportFact, repository: Repository): ImportBreach | undefined {
  const { specifier } = fact;
  const target = specifier.startsWith(".")
    ? posix.join(posix.dirname(path), specifier.replace(/\?.*$/, ""))
    : undefined;
  if (target !== undefined && !target.startsWith("node_modules/")) {
    const to = layerOf(target);
    if (to === undefined) return { rule: "layer", message: `imports ${target}, which lies in no layer` };
    if (!mayImport(from, to)) return { rule: "layer", message: `${from.name} may not import ${to.name} (${target})` };
    return undefined;
  }
  if (/^(\/|#|[a-z]+:)/.test(specifier) && !specifier.startsWith("node:")) {
    return { rule: "opaque-import", message: `imports ${specifier}: neither a relative path nor a package` };
  }
  if (isBuiltin(specifier)) {
    return from.nodeModules
      ? undefined
      : { rule: "package", message: `${from.name} does not run in Node (${specifier})` };
  }
  return packageBreach(path, from, fact, packageName(target?.slice("node_modules/".length) ?? specifier), repository);
}

function packageBreach(
  path: string,
  from: Layer,
  fact: ImportFact,
  name: string,
  repository: Repository,
): ImportBreach | undefined {
  if (from.packages !== "any" && !from.packages.includes(name)) {
    return { rule: "package", message: `${from.name} may not import ${name}` };
  }
  const owner = PACKAGE_OWNERS.find(({ packages }) => packages.test(name));
  const isOwner =
    owner === undefined || owner.files.test(path) || (fact.typeOnly && owner.typeFiles?.test(path) === true);
  if (!isOwner) return { rule: "package", message: `${name} is for ${owner.files.source} alone` };
  // The page is bundled when it is built, so its packages need not be there when Parley runs.
  if (!fact.typeOnly && from.name !== "console" && !repository.dependencies.has(name)) {
    return { rule: "dev-dependency", message: `${name} is not among the dependencies of package.json` };
  }
  return undefined;
}

function packageName(specifier: string): string {
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}
