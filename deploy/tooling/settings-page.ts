import { writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { ENVIRONMENT } from "../../src/config/environment.ts";

export const SETTINGS_PAGE = new URL("../settings.md", import.meta.url);

/** The page of all settings, made from the one catalogue of environment variables. */
export function settingsPage(): string {
  const rows = ENVIRONMENT.map(({ name, flag, path, secret, description, ...variable }) => {
    const also = [flag === undefined ? "" : `\`--${flag}\``, path === undefined ? "" : `\`${path.join(".")}\``].filter(
      Boolean,
    );
    return `| \`${name}\` | ${description}${secret ? " (secret)" : ""} | ${variable.default} | ${also.join(", ")} |`;
  });
  return [
    "# Settings",
    "",
    "Made from `src/config/environment.ts` by `node deploy/tooling/settings-page.ts`; a test compares the two. Flags of `parley start` win over the environment, the environment over `.env`,",
    "`.env` over `parley.config.ts`. Every fault is reported at once with its path and its fix, and the exit code is 78.",
    "",
    "| variable | meaning | default | flag, path in parley.config.ts |",
    "|---|---|---|---|",
    ...rows,
    "",
  ].join("\n");
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  writeFileSync(SETTINGS_PAGE, settingsPage());
  process.stdout.write("wrote deploy/settings.md\n");
}
