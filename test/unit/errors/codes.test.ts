import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { ERRORS_PAGE, errorsPage } from "../../../deploy/tooling/errors-page.ts";
import { ERROR_CODES, type ErrorCode } from "../../../src/errors/codes.ts";
import { ParleyError, toParleyError } from "../../../src/errors/parley-error.ts";

it("is the same as its page", () => {
  expect(readFileSync(ERRORS_PAGE, "utf8")).toBe(errorsPage());
});

it.each(Object.keys(ERROR_CODES) as ErrorCode[])("%s takes its row into every error", (code) => {
  const error = new ParleyError(code);
  expect(error.row).toBe(ERROR_CODES[code]);
  expect(error.delivery).toBe(ERROR_CODES[code].delivery);
  expect(error.message).toBe(`${code}: ${ERROR_CODES[code].userText}`);
});

it("never says that an unknown outcome was not sent", () => {
  const unknown = Object.values(ERROR_CODES).filter((row) => row.delivery === "unknown");
  expect(unknown.every((row) => row.retry !== "never")).toBe(true);
});

it("keeps a ParleyError as it is and wraps anything else with its cause", () => {
  const error = new ParleyError("NOT_FOUND");
  expect(toParleyError(error)).toBe(error);
  const wrapped = toParleyError(new TypeError("odd"), "AGENT_CRASHED");
  expect(wrapped).toMatchObject({ code: "AGENT_CRASHED", detail: "TypeError: odd" });
  expect(wrapped.cause).toBeInstanceOf(TypeError);
  expect(toParleyError("text").code).toBe("INVARIANT_BROKEN");
});
