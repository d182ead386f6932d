import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { SETTINGS_PAGE, settingsPage } from "../../../deploy/tooling/settings-page.ts";
import { ENVIRONMENT } from "../../../src/config/environment.ts";

it("is the same as its page", () => {
  expect(readFileSync(SETTINGS_PAGE, "utf8")).toBe(settingsPage());
});

it("knows every variable that README and the other pages name", () => {
  const known = new Set(ENVIRONMENT.map((variable) => variable.name));
  const pages = [
    "../../../README.md",
    "../../../deploy/slack.md",
    "../../../deploy/matrix.md",
    "../../../deploy/operations.md",
    "../../../deploy/agents.md",
  ];
  const named = pages.flatMap((page) =>
    [
      ...readFileSync(new URL(page, import.meta.url), "utf8").matchAll(
        /`((?:PARLEY|SLACK|MATRIX|OPENAI|ANTHROPIC)_[A-Z_]+|DATABASE_URL|REDIS_URL)/g,
      ),
    ].map((match) => match[1]),
  );
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter((name) => name !== undefined && !known.has(name))).toEqual([]);
});
