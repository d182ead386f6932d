import { describe, expect, test } from "vitest";
import { compileLinearPattern } from "../../../src/access/linear-pattern.ts";

describe("a linear pattern", () => {
  test.each([
    "x*x*x*q",
    "(?:a|aa)+$",
    "(a+)+b",
    "(x+x+)+y",
    "deploy\\s+.*failed",
    "\\d+\\d+\\d+x",
    "(?:\\w*\\s*)*=",
    ".*.*.*=",
  ])("is quick on hostile text: %s", (pattern) => {
    const linear = compileLinearPattern(pattern);
    linear.test("warm");
    const began = performance.now();
    for (const text of ["x", "a", " ", "1", "a "].map((piece) => piece.repeat(2_000 / piece.length)))
      expect(linear.test(`deploy${text}!`)).toBe(false);
    // Node's own matcher takes seconds to years for each of them.
    expect(performance.now() - began).toBeLessThan(1_500);
  });

  test.each([
    ["^(alert|alarm):", "ALERT: disk", "no alert:"],
    ["\\bdeploy(ed|ing)?\\b", "we Deployed it", "redeployment"],
    ["error.*timeout", "an error, then a timeout", "timeout, error"],
    ["straße", "Die STRAßE", "gasse"],
    ["^\\u0441borka$", "сborka", "sborka"],
    ["(?<what>build) #\\d+", "Build #12", "build 12"],
  ])("says of %s what JavaScript says", (pattern, fits, fitsNot) => {
    const linear = compileLinearPattern(pattern);
    for (const text of [fits, fitsNot]) expect(linear.test(text)).toBe(new RegExp(pattern, "iu").test(text));
    expect([linear.test(fits), linear.test(fitsNot)]).toEqual([true, false]);
  });

  test.each([
    ["(", /no regular expression/],
    ["(?=x)", /no look-arounds/],
    ["(a)\\1", /no back-references/],
    ["(a{0,99}){0,99}", /repeat|no regular expression/],
  ])("refuses %s with a reason", (pattern, reason) => {
    expect(() => compileLinearPattern(pattern)).toThrow(reason);
  });
});
