import fc from "fast-check";

/** JSON as a platform could send it, with whatever is wrong in it. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

const deep = (depth: number): Json => {
  let value: Json = "end";
  for (let level = 0; level < depth; level++) value = level % 2 === 0 ? [value] : { inner: value };
  return value;
};

/** What no field is meant to hold: other types, other worlds' ids, control signs, half characters, too much of everything. */
const HOSTILE: readonly Json[] = [
  [null, true, false, 0, -1, 1.5, 1e308, 2 ** 53, -(2 ** 63), "", " ", "0", "null", "[object Object]"],
  ["\u0000", "\ud83d", "\udc00x", "\u202e", "a\u0301".repeat(200), "x".repeat(70_000), "\n".repeat(5_000)],
  ["__proto__", "constructor", "toString", "<@U1><!channel>", "@everyone @room", "[".repeat(2_000), ">".repeat(3_000)],
  ["99999999999999999999", "1e9", "$$", "@:", "!a:b", "2026-13-45T99:99:99Z", "javascript:alert(1)", "mxc://"],
  [[], {}, [[]], [null], { constructor: 1 }, { length: -1 }, "<".repeat(3_000), deep(200)],
  [Array.from({ length: 1_000 }, () => "x"), Array.from({ length: 300 }, () => ({ type: "text", text: "x", id: "1" }))],
].flat();

export const hostileJson: fc.Arbitrary<Json> = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...HOSTILE) },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 40 }) },
  // fast-check makes JSON; its type says only that it is some value.
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 4 }).map((value) => value as Json) },
);

/** One of the fixtures after up to five changes: a value replaced, left out, doubled or added anywhere in it. */
export function mutated(fixtures: readonly Json[]): fc.Arbitrary<Json> {
  const change = fc.record({
    place: fc.nat({ max: 100_000 }),
    kind: fc.constantFrom("replace", "replace", "replace", "remove", "double", "add"),
    value: hostileJson,
  });
  return fc
    .tuple(fc.constantFrom(...fixtures), fc.array(change, { maxLength: 5 }))
    .map(([fixture, changes]) =>
      changes.reduce<Json>((json, { place, kind, value }) => changed(json, place, kind, value), fixture),
    );
}

function changed(json: Json, place: number, kind: string, value: Json): Json {
  const paths = pathsOf(json, []).slice(0, 2_000);
  const path = paths[place % paths.length] ?? [];
  return at(json, path, (before) => {
    switch (kind) {
      case "remove":
        return undefined;
      case "double":
        return [before, before];
      case "add":
        return isObject(before) ? { ...before, added: value } : [before, value];
      default:
        return value;
    }
  });
}

function isObject(json: Json): json is { readonly [key: string]: Json } {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}

function pathsOf(json: Json, path: readonly (string | number)[]): (readonly (string | number)[])[] {
  const own = path.length === 0 ? [] : [path];
  if (path.length > 12 || typeof json !== "object" || json === null) return own;
  const entries = Array.isArray(json) ? [...json.slice(0, 20).entries()] : Object.entries(json);
  return [...own, ...entries.flatMap(([key, inner]) => pathsOf(inner, [...path, key]))];
}

function at(json: Json, path: readonly (string | number)[], change: (before: Json) => Json | undefined): Json {
  const [key, ...rest] = path;
  if (key === undefined) return change(json) ?? null;
  if (Array.isArray(json)) {
    return json.flatMap((item: Json, index): Json[] => {
      if (index !== key) return [item];
      const next = rest.length === 0 ? change(item) : at(item, rest, change);
      return next === undefined ? [] : [next];
    });
  }
  if (typeof json !== "object" || json === null) return json;
  return Object.fromEntries(
    Object.entries(json).flatMap(([name, item]): [string, Json][] => {
      if (name !== key) return [[name, item]];
      const next = rest.length === 0 ? change(item) : at(item, rest, change);
      return next === undefined ? [] : [[name, next]];
    }),
  );
}
