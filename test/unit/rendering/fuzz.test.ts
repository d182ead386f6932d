import { describe, expect, test } from "vitest";
import { PARSER_TARGETS } from "../../fuzz/parser-targets.ts";
import { RENDERER_TARGETS } from "../../fuzz/renderer-targets.ts";

/** A look only: `npm run fuzz -- --seconds 60` goes on for longer, with new inputs each time. */
const RUNS = 60;

describe("a short fuzz", () => {
  test.each([...PARSER_TARGETS, ...RENDERER_TARGETS])(
    "breaks nothing of $name",
    ({ run }) => {
      expect(() => run(RUNS, 7)).not.toThrow();
    },
    60_000,
  );
});
