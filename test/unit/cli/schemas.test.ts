import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { schemaFiles } from "../../../src/cli/schema-files.ts";

const FOLDER = path.resolve(import.meta.dirname, "../../../deploy/schemas");

test("the published JSON Schema files are those of the code; `npm run parley -- schemas` writes them", () => {
  const files = schemaFiles();
  expect(readdirSync(FOLDER).sort()).toEqual([...files.keys()].sort());
  for (const [name, content] of files) expect(readFileSync(path.join(FOLDER, name), "utf8")).toBe(content);
});

test("they describe what may be handed in: defaults may be left out, unknown fields of a reply are refused", () => {
  const reply = JSON.parse(schemaFiles().get("reply.v1.schema.json") ?? "");
  expect(reply).toMatchObject({ required: ["parts"], additionalProperties: false });
});
