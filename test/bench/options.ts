import { parseArgs } from "node:util";

export const SCENARIOS = [
  "rate",
  "latency",
  "conversations",
  "idle",
  "embedded",
  "recovery",
  "connectors",
  "discord",
  "matrix",
] as const;
export type Scenario = (typeof SCENARIOS)[number];

export interface BenchOptions {
  readonly quick: boolean;
  readonly json: boolean;
  readonly scenarios: readonly Scenario[];
}

const HELP = `npm run bench [-- --quick] [--json] [--only ${SCENARIOS.join("|")}]

  --quick   fewer rounds and messages: for a look, not for a claim
  --json    one JSON object on standard output; progress stays on standard error
  --only    one part, or several with commas
`;

/** Reads the command line; `--help` and faults end the process. */
export function readOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      only: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    process.exit(0);
  }
  const only = values.only?.split(",") ?? [...SCENARIOS];
  const scenarios = SCENARIOS.filter((scenario) => only.includes(scenario));
  if (scenarios.length < only.length) {
    process.stderr.write(`there is no such part among: ${only.join(", ")}\n${HELP}`);
    process.exit(64);
  }
  return { quick: values.quick, json: values.json, scenarios };
}
