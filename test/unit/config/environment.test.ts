import { describe, expect, test } from "vitest";
import { ENVIRONMENT } from "../../../src/config/environment.ts";
import { mergeSettings } from "../../../src/config/merge.ts";
import { ConfigSchema, DEFAULT_PORT } from "../../../src/config/schema.ts";
import { Secret } from "../../../src/config/secret.ts";
import { deriveKey } from "../../../src/config/secret-key.ts";
import { nearestName } from "../../../src/config/suggestion.ts";

describe("the environment catalogue", () => {
  test("names are unique, and each row says what it is and what holds without it", () => {
    expect(new Set(ENVIRONMENT.map((row) => row.name)).size).toBe(ENVIRONMENT.length);
    const flags = ENVIRONMENT.flatMap((row) => row.flag ?? []);
    expect(new Set(flags).size).toBe(flags.length);
    for (const row of ENVIRONMENT) expect([row.description, row.default].every((text) => text !== "")).toBe(true);
  });

  test.each(ENVIRONMENT.filter((row) => row.path !== undefined))("$name sets a setting that exists", (variable) => {
    const { values } = mergeSettings({}, [{ variable, label: variable.name, value: "?" }]);
    const issues = ConfigSchema.safeParse(values).error?.issues ?? [];
    expect(issues.filter((issue) => issue.code === "unrecognized_keys")).toEqual([]);
  });

  test.each(ENVIRONMENT.filter((row) => row.kind === "integer" && /^\d/.test(row.default)))(
    "$name tells the default that holds",
    ({ path = [], default: told }) => {
      const defaults: unknown = ConfigSchema.parse({});
      const held = path.reduce<unknown>(
        (value, key) => (value instanceof Object ? Reflect.get(value, key) : undefined),
        defaults,
      );
      expect(
        told.startsWith(
          typeof held === "object" ? JSON.stringify(held) : `${(held as string | number | undefined) ?? DEFAULT_PORT}`,
        ),
      ).toBe(true);
    },
  );

  test.each(ENVIRONMENT.filter((row) => row.secret))("$name is held in a Secret", (variable) => {
    const { values } = mergeSettings({}, [{ variable, label: variable.name, value: "some value" }]);
    const parsed: unknown = ConfigSchema.parse(values);
    const held = variable.path?.reduce<unknown>(
      (value, key) => (value instanceof Object ? Reflect.get(value, key) : undefined),
      parsed,
    );
    expect(held).toBeInstanceOf(Secret);
  });
});

test("merging leaves the file's own object as it was", () => {
  const file = { web: { host: "127.0.0.2" } };
  const port = ENVIRONMENT.find((row) => row.name === "PARLEY_PORT");
  if (port === undefined) throw new Error("the catalogue has no port");
  expect(mergeSettings(file, [{ variable: port, label: "--port", value: 1 }]).values).toEqual({
    web: { host: "127.0.0.2", port: 1 },
  });
  expect(file).toEqual({ web: { host: "127.0.0.2" } });
});

test("keys of different purposes differ, and those of one purpose do not", () => {
  const secret = new Secret("kJ8sVq2mXw7pZt4cRb9nLd6hGf3yTa1e");
  expect(deriveKey(secret, "tokens at rest")).toEqual(deriveKey(secret, "tokens at rest"));
  expect(deriveKey(secret, "tokens at rest")).not.toEqual(deriveKey(secret, "sessions"));
});

test("a suggestion is near or absent", () => {
  expect(nearestName("adress", ["address", "port"])).toBe("address");
  expect(nearestName("zzz", ["address", "port"])).toBeUndefined();
});
