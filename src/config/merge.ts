import type { Setting } from "./settings.ts";

/** The configuration before validation, and who set which path. */
export interface Merged {
  readonly values: unknown;
  /** Path (joined by dots) to the label of the variable or flag that set it; what is absent came from the file. */
  readonly labels: ReadonlyMap<string, string>;
}

/** Guarantees that later settings win over earlier ones and all of them over the file, whose object is left as it was. */
export function mergeSettings(file: unknown, settings: readonly Setting[]): Merged {
  const labels = new Map<string, string>();
  let values: unknown = file ?? {};
  for (const { variable, label, value } of settings) {
    if (variable.path === undefined) continue;
    values = withPath(values, variable.path, value);
    labels.set(variable.path.join("."), label);
  }
  return { values, labels };
}

function withPath(target: unknown, path: readonly string[], value: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  if (target === undefined) return { [key]: withPath(undefined, rest, value) };
  // Something that is no object stays as it is: validation names it, with its own path.
  if (!isRecord(target)) return target;
  return { ...target, [key]: withPath(target[key], rest, value) };
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
