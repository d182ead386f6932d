import { parseArgs } from "node:util";

export interface FuzzOptions {
  /** How long to go on, in seconds, over all targets. */
  readonly seconds: number;
  readonly seed: number;
  /** Names of targets, or the beginnings of names; empty for all. */
  readonly only: readonly string[];
}

const HELP = `npm run fuzz [-- --seconds 60] [--only <name>] [--seed <number>]

  --seconds  how long to go on, over all targets; default 60
  --only     a target, or several with commas; the beginning of a name is enough
  --seed     the first seed; a fault names the one that finds it again
`;

/** Reads the command line; \`--help\` and faults end the process. */
export function readOptions(args: readonly string[]): FuzzOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: "string", default: "60" },
      seed: { type: "string" },
      only: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    process.exit(0);
  }
  const seconds = Number(values.seconds);
  const seed = values.seed === undefined ? Date.now() % 1_000_000_000 : Number(values.seed);
  if (!(seconds > 0) || !Number.isSafeInteger(seed)) {
    process.stderr.write(HELP);
    process.exit(64);
  }
  return { seconds, seed, only: values.only?.split(",") ?? [] };
}
