import { describe, expect, it } from "vitest";
import { SECURITY_RULES } from "./security-rules.ts";
import { readSource, sourceFiles } from "./source-files.ts";
import { readTitles } from "./test-titles.ts";

const MEASUREMENTS = sourceFiles("test/measure").flatMap((path) => [
  ...readSource(path).matchAll(/^ {2}name: "([a-z-]+)"/gm),
]);

describe("the rules of the security reference", () => {
  it("are all here, once each and in order", () => {
    expect(SECURITY_RULES.map(({ rule }) => rule)).toEqual(Array.from({ length: 37 }, (_, index) => `R${index + 1}`));
  });

  it.each(SECURITY_RULES)("$rule is shown by tests that exist, or says why by none: $says", (rule) => {
    const missing = Object.entries(rule.shownBy).flatMap(([path, titles]) => {
      const there = readTitles(path, readSource(`test/${path}`));
      return titles.filter((title) => !there.has(title)).map((title) => `${path}: ${title}`);
    });
    expect(missing).toEqual([]);
    expect(
      Object.values(rule.shownBy).flat().length > 0 || rule.leavesOut !== undefined,
      "no test, and no reason",
    ).toBe(true);
    const names = MEASUREMENTS.map(([, name]) => name);
    for (const name of rule.measuredBy ?? []) expect(names).toContain(name);
  });
});

describe("the titles of a file", () => {
  it("are those of its tests and checks, however they are called, and no other words", () => {
    const source = `
      // it("in a comment")
      it("plain", () => { const words = "other words"; });
      test.each([1])("of each", () => undefined);
      it(\`\${COUNT} in a template\`, () => undefined);
      const check = { title: "of a check", name: "not a title" };
      record("not a test");
    `;
    expect([...readTitles("a.test.ts", source)]).toEqual([
      "plain",
      "of each",
      "${COUNT} in a template", // biome-ignore lint/suspicious/noTemplateCurlyInString: as it stands in the source
      "of a check",
    ]);
  });
});
