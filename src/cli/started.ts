import type { Config } from "../config/config.ts";
import { type Output, paint, plain } from "./output.ts";

/** What a start gave. */
export interface Started {
  readonly url: string;
  readonly signInLink: string | undefined;
  /** The default port, when it was taken and another is used. */
  readonly insteadOfPort: number | undefined;
  readonly agents: readonly string[];
  readonly platforms: readonly string[];
}

/** Says where Parley listens, how to sign in, and what is configured; as one line of JSON when that was asked for. */
export function printStarted(started: Started, config: Config, output: Output): void {
  const { url, signInLink, insteadOfPort, agents, platforms } = started;
  if (output.json) {
    output.line(JSON.stringify({ url, signInLink: signInLink ?? null, pid: process.pid, agents, platforms }));
    return;
  }
  const instead = insteadOfPort === undefined ? "" : ` (port ${insteadOfPort} was taken)`;
  const named = platforms.map((name) => (name === "slack" && config.slack ? `slack (${config.slack.mode})` : name));
  const rows: (readonly [string, string])[] = [
    ["Parley", `${paint("bold", url)}${instead}`],
    ...(signInLink === undefined ? [] : [["Sign in", paint("cyan", signInLink)] as const]),
    ["Ledger", config.databaseUrl === undefined ? `embedded, in ${config.dataFolder}` : "PostgreSQL"],
    ["Queue", config.redisUrl === undefined ? "in the ledger's database" : "Redis"],
    ...(config.roles.length === 3 ? [] : [["Roles", config.roles.join(", ")] as const]),
    ["Platforms", named.map(plain).join(", ") || "none"],
    ["Agents", agents.map((handle) => `@${plain(handle)}`).join(" ") || "none"],
  ];
  for (const [name, value] of rows) output.line(`${paint("dim", name.padEnd(10))} ${value}`);
  output.line(paint("dim", "Stop with Ctrl-C. More: npm run parley -- --help"));
}
