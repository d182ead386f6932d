import { parseSync, Visitor } from "oxc-parser";

const TESTS: ReadonlySet<string> = new Set(["it", "test", "describe"]);

/** Gives the titles of a file's tests as they stand in its source, templates with their placeholders, and of its checks the members `title`. */
export function readTitles(path: string, source: string): ReadonlySet<string> {
  const { program, errors } = parseSync(path, source, { sourceType: "module" });
  const fatal = errors.find((error) => error.severity === "Error");
  if (fatal) throw new Error(`${path} does not parse: ${fatal.message}`);
  const titles = new Set<string>();
  const add = (node: { readonly type: string; readonly start: number; readonly end: number } | undefined): void => {
    if (node === undefined) return;
    const text = source.slice(node.start, node.end);
    if (node.type === "Literal" && /^['"]/.test(text)) titles.add(text.slice(1, -1).replaceAll(/\\(.)/g, "$1"));
    else if (node.type === "TemplateLiteral") titles.add(text.slice(1, -1));
  };
  new Visitor({
    CallExpression(node) {
      if (TESTS.has(/^\w+/.exec(source.slice(node.callee.start, node.callee.end))?.[0] ?? "")) add(node.arguments[0]);
    },
    Property(node) {
      if (node.key.type === "Identifier" && node.key.name === "title") add(node.value);
    },
  }).visit(program);
  return titles;
}
