import { parseSync, Visitor } from "oxc-parser";

export interface ImportFact {
  readonly specifier: string;
  /** True when the whole import is erased before the program runs. */
  readonly typeOnly: boolean;
  readonly line: number;
}

/** What the architecture rules need to know of one source file. */
export interface SourceFacts {
  readonly imports: readonly ImportFact[];
  /** Lines of `import(...)` whose target cannot be read from the source, and of `createRequire`. */
  readonly opaqueImportLines: readonly number[];
  /** Lines that reach the environment of the process. */
  readonly environmentLines: readonly number[];
  /** Names of the functions that are called plainly, as in `name(...)`. */
  readonly calls: ReadonlySet<string>;
  readonly lineCount: number;
}

/**
 * Reads the facts of a TypeScript source: static, type-only, re-exporting, dynamic and `import("x").T` imports alike.
 *
 * @throws Error when the source does not parse: a file that is not understood must never count as clean.
 */
export function readFacts(path: string, source: string): SourceFacts {
  const { program, module, errors } = parseSync(path, source, { sourceType: "module" });
  const fatal = errors.find((error) => error.severity === "Error");
  if (fatal) throw new Error(`${path} does not parse: ${fatal.message}`);

  const lineOf = (offset: number): number => source.slice(0, offset).split("\n").length;
  const imports: ImportFact[] = [];
  const opaqueImportLines: number[] = [];
  const environmentLines: number[] = [];
  const calls = new Set<string>();

  for (const { moduleRequest, entries, start } of module.staticImports) {
    // `import {} from "x"` and `import "x"` have no entries and do run the module.
    const typeOnly = entries.length > 0 && entries.every((entry) => entry.isType);
    imports.push({ specifier: moduleRequest.value, typeOnly, line: lineOf(start) });
    const names = entries.map((entry) => (entry.importName.kind === "Name" ? entry.importName.name : "*"));
    if (
      /^(node:)?module$/.test(moduleRequest.value) &&
      names.some((name) => name === "createRequire" || name === "*")
    ) {
      opaqueImportLines.push(lineOf(start));
    }
    if (/^(node:)?process$/.test(moduleRequest.value) && names.some((name) => name === "env" || name === "*")) {
      environmentLines.push(lineOf(start));
    }
  }
  for (const { entries, start } of module.staticExports) {
    for (const { moduleRequest, isType } of entries) {
      if (moduleRequest) imports.push({ specifier: moduleRequest.value, typeOnly: isType, line: lineOf(start) });
    }
  }

  new Visitor({
    ImportExpression(node) {
      if (node.source.type === "Literal" && typeof node.source.value === "string") {
        imports.push({ specifier: node.source.value, typeOnly: false, line: lineOf(node.start) });
      } else {
        opaqueImportLines.push(lineOf(node.start));
      }
    },
    TSImportType(node) {
      imports.push({ specifier: node.source.value, typeOnly: true, line: lineOf(node.start) });
    },
    MemberExpression(node) {
      const property = node.property;
      const isEnv =
        (!node.computed && property.type === "Identifier" && property.name === "env") ||
        (property.type === "Literal" && property.value === "env");
      if (isEnv && isProcess(node.object)) environmentLines.push(lineOf(node.start));
    },
    VariableDeclarator(node) {
      if (node.init === null || node.id.type !== "ObjectPattern" || !isProcess(node.init)) return;
      const takesEnv = node.id.properties.some(
        (property) =>
          property.type === "RestElement" || (property.key.type === "Identifier" && property.key.name === "env"),
      );
      if (takesEnv) environmentLines.push(lineOf(node.start));
    },
    CallExpression(node) {
      if (node.callee.type === "Identifier") calls.add(node.callee.name);
    },
  }).visit(program);

  return { imports, opaqueImportLines, environmentLines, calls, lineCount: source.trimEnd().split("\n").length };
}

/** `process`, and `globalThis.process` or `global.process`. */
function isProcess(node: { readonly type: string; readonly name?: unknown; readonly property?: unknown }): boolean {
  if (node.type === "Identifier") return node.name === "process";
  if (node.type !== "MemberExpression") return false;
  const property = node.property;
  return typeof property === "object" && property !== null && "name" in property && property.name === "process";
}
