import { RE2JS } from "re2js";

/** States of the compiled pattern; each character of a message costs at most one step for each of them. */
const MAX_STATES = 2_000;

/** A case-insensitive pattern that takes time in proportion to the text, whatever the text. */
export interface LinearPattern {
  test(text: string): boolean;
}

/**
 * Compiles a subscription's pattern for RE2's matcher: Node's own backtracks, and of `x*x*x*y` a hostile message of 2,000
 * characters makes minutes.
 *
 * Throws a SyntaxError with a reason for people for what is no expression, for look-arounds and back-references, and for repetitions
 * that add up to more than 2,000 states.
 */
export function compileLinearPattern(pattern: string): LinearPattern {
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(RE2JS.translateRegExp(pattern), RE2JS.CASE_INSENSITIVE);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.replace(/^error parsing regexp: /, "") : "unreadable";
    throw new SyntaxError(
      `is no regular expression that Parley takes (no look-arounds, no back-references): ${reason}`,
      {
        cause,
      },
    );
  }
  if (compiled.programSize() > MAX_STATES)
    throw new SyntaxError("repeats too much: counted repetitions multiply; take * or +, or smaller counts");
  return { test: (text) => compiled.test(text) };
}
