import { z } from "zod";
import { variableOf } from "./environment.ts";
import type { ConfigFault } from "./fault.ts";
import { ConfigSchema } from "./schema.ts";
import { nearestName } from "./suggestion.ts";

/** Guarantees at least one fault per issue, each named by where the value came from. */
export function schemaFaults(
  issues: readonly z.core.$ZodIssue[],
  labels: ReadonlyMap<string, string>,
  fileName: string,
): ConfigFault[] {
  return issues.flatMap((issue) => {
    if (issue.code === "unrecognized_keys") {
      const known = Object.keys(shapeAt(issue.path));
      return issue.keys.map((key) => unknownKey(`${fileName}: ${show([...issue.path, key])}`, key, known));
    }
    const label = labelOf(issue.path, labels) ?? `${fileName}: ${show(issue.path)}`;
    const description = variableOf(issue.path)?.description ?? descriptionAt(issue.path);
    return [
      { path: label, problem: issue.message, fix: description ?? "set it to a value that fits, or leave it out" },
    ];
  });
}

function unknownKey(path: string, key: string, known: readonly string[]): ConfigFault {
  const near = nearestName(key, known);
  const fix = near === undefined ? `remove it; known here: ${known.join(", ")}` : `did you mean ${near}?`;
  return { path, problem: "there is no such setting", fix };
}

function labelOf(path: readonly PropertyKey[], labels: ReadonlyMap<string, string>): string | undefined {
  for (let length = path.length; length > 0; length -= 1) {
    const label = labels.get(path.slice(0, length).join("."));
    if (label !== undefined) return label;
  }
  return undefined;
}

function show(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === "number") return `${text}[${key}]`;
    return text === "" ? String(key) : `${text}.${String(key)}`;
  }, "");
}

function shapeAt(path: readonly PropertyKey[]): Record<string, unknown> {
  const schema = schemaAt(path);
  return schema instanceof z.ZodObject ? schema.shape : {};
}

function descriptionAt(path: readonly PropertyKey[]): string | undefined {
  for (let length = path.length; length > 0; length -= 1) {
    const description = schemaAt(path.slice(0, length), false)?.description;
    if (description !== undefined) return description;
  }
  return undefined;
}

function schemaAt(
  path: readonly PropertyKey[],
  unwrapLast = true,
): (z.core.$ZodType & { description?: string | undefined }) | undefined {
  let schema: z.core.$ZodType | undefined = ConfigSchema;
  for (const key of path) {
    const inner = unwrap(schema);
    if (inner instanceof z.ZodObject) schema = inner.shape[String(key)];
    else if (inner instanceof z.ZodArray) schema = inner.element;
    else return undefined;
    if (schema === undefined) return undefined;
  }
  return unwrapLast ? unwrap(schema) : schema;
}

function unwrap(schema: z.core.$ZodType | undefined): z.core.$ZodType | undefined {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault)
    return unwrap(schema.unwrap());
  return schema;
}
