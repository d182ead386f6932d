import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { ERROR_CODES } from "../../src/errors/codes.ts";

export const ERRORS_PAGE = new URL("../errors.md", import.meta.url);

/** The page of all errors, made from the one table of codes. */
export function errorsPage(): string {
  const rows = Object.entries(ERROR_CODES).map(
    ([code, row]) =>
      `| \`${code}\` | ${row.fault} | ${row.retry} | ${row.delivery.replace("_", " ")} | ${row.status} | ${row.userText} |`,
  );
  return [
    "# Errors",
    "",
    "Made from `src/errors/codes.ts` by `node deploy/tooling/errors-page.ts`; a test compares the two.",
    "",
    "*Fault*: whose doing it is. *Retry*: never, after a growing pause, or after the pause that the other side named. *Delivery*: what is certain about a platform write that ended so.",
    "",
    "| code | fault | retry | delivery | HTTP | what people read |",
    "|---|---|---|---|---|---|",
    ...rows,
    "",
  ].join("\n");
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  writeFileSync(ERRORS_PAGE, errorsPage());
  process.stdout.write(`wrote ${readFileSync(ERRORS_PAGE, "utf8").split("\n").length} lines\n`);
}
