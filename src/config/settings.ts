import { parseArgs } from "node:util";
import { ENVIRONMENT, type Variable } from "./environment.ts";
import type { ConfigFault } from "./fault.ts";
import { editDistance, nearestName } from "./suggestion.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** One value from the environment or the command line, on its way into the configuration. */
export interface Setting {
  readonly variable: Variable;
  /** How to name it to a person: `PARLEY_PORT` or `--port`. */
  readonly label: string;
  readonly value: string | number | boolean | readonly string[];
}

export interface Settings {
  readonly settings: readonly Setting[];
  readonly faults: readonly ConfigFault[];
}

/** Kubernetes puts these into every container of a namespace that has a Service named parley; they are no settings. */
const SERVICE_LINK = /^PARLEY_(SERVICE_HOST|SERVICE_PORT(_.+)?|PORT_\d+_(TCP|UDP|SCTP)(_.+)?)$/;
const OWN_PREFIX = "PARLEY_";
const TEST_PREFIX = "PARLEY_TEST_";

/** Guarantees typed values for every variable that is set, and a fault for each malformed value and each unknown name. */
export function readEnvironment(env: Environment): Settings {
  const settings: Setting[] = [];
  const faults: ConfigFault[] = [];
  for (const variable of ENVIRONMENT) {
    const text = env[variable.name];
    // An empty value is what compose files and shells make of "not set".
    if (text === undefined || text === "" || isServiceLink(variable.name, text)) continue;
    convert(variable, variable.name, text, settings, faults);
  }
  for (const name of Object.keys(env)) {
    const fault = unknownName(name);
    if (fault !== undefined) faults.push(fault);
  }
  return { settings, faults };
}

/** Guarantees typed values for the flags of `parley start`, and a fault for each unknown or malformed one. */
export function readFlags(argv: readonly string[]): Settings {
  const rows = ENVIRONMENT.filter((row) => row.flag !== undefined);
  const options = Object.fromEntries(rows.map((row) => [row.flag ?? "", { type: "string" as const }]));
  const settings: Setting[] = [];
  const faults: ConfigFault[] = [];
  let values: Record<string, string | boolean | undefined> = {};
  try {
    values = parseArgs({ args: [...argv], options, strict: true, allowPositionals: false }).values;
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    faults.push({
      path: "command line",
      problem,
      fix: `known flags: ${rows.map((row) => `--${row.flag}`).join(", ")}`,
    });
  }
  for (const variable of rows) {
    const text = values[variable.flag ?? ""];
    if (typeof text === "string") convert(variable, `--${variable.flag}`, text, settings, faults);
  }
  return { settings, faults };
}

function convert(variable: Variable, label: string, text: string, settings: Setting[], faults: ConfigFault[]): void {
  const refuse = (problem: string, fix: string) => faults.push({ path: label, problem, fix });
  switch (variable.kind) {
    case "text":
      settings.push({ variable, label, value: text });
      return;
    case "list":
      settings.push({
        variable,
        label,
        value: text
          .split(",")
          .map((item) => item.trim())
          .filter((item) => item !== ""),
      });
      return;
    case "integer":
      if (/^-?\d{1,15}$/.test(text.trim())) settings.push({ variable, label, value: Number(text) });
      else
        refuse(
          `must be a whole number; it is ${JSON.stringify(text)}`,
          `${variable.description}; default ${variable.default}`,
        );
      return;
    case "switch":
      if (/^(on|true|1|yes)$/i.test(text)) settings.push({ variable, label, value: true });
      else if (/^(off|false|0|no)$/i.test(text)) settings.push({ variable, label, value: false });
      else
        refuse(
          `must be on or off; it is ${JSON.stringify(text)}`,
          `${variable.description}; default ${variable.default}`,
        );
  }
}

function unknownName(name: string): ConfigFault | undefined {
  const known = ENVIRONMENT.map((row) => row.name);
  if (known.includes(name) || name.startsWith(TEST_PREFIX) || SERVICE_LINK.test(name)) return undefined;
  if (name.startsWith(OWN_PREFIX)) {
    const near = nearestName(name, known);
    return {
      path: name,
      problem: "there is no such variable",
      fix: near ? `did you mean ${near}?` : `unset it; see "parley start --help"`,
    };
  }
  // Other programs own other prefixes; only what is nearly one of Slack's names here is taken for a slip.
  const near = name.startsWith("SLACK_") ? known.find((candidate) => editDistance(name, candidate) <= 2) : undefined;
  return near === undefined
    ? undefined
    : { path: name, problem: "there is no such variable", fix: `did you mean ${near}?` };
}

function isServiceLink(name: string, text: string): boolean {
  return name === "PARLEY_PORT" && /^(tcp|udp|sctp):\/\//.test(text);
}
