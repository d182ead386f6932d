import { parseArgs } from "node:util";
import { canaries } from "./canaries.ts";
import { dialIns } from "./dial-ins.ts";
import { drops } from "./drops.ts";
import { firstToken } from "./first-token.ts";
import { hostileBodies } from "./hostile-bodies.ts";
import { hostileSockets } from "./hostile-sockets.ts";
import { keyRotation } from "./key-rotation.ts";
import type { Measurement, MeasureOptions } from "./measurement.ts";
import { newcomer } from "./newcomer.ts";
import { orders } from "./orders.ts";
import { revocation } from "./revocation.ts";
import { tampering } from "./tampering.ts";

const MEASUREMENTS: readonly Measurement[] = [
  tampering,
  revocation,
  canaries,
  firstToken,
  drops,
  dialIns,
  hostileBodies,
  hostileSockets,
  keyRotation,
  newcomer,
  orders,
];

const HELP = `npm run measure -- <name> [--count <number>] [--kind <kind>] [--seed <number>] [--store pglite|postgres] [--json]

${MEASUREMENTS.map(({ name, describes }) => `  ${name.padEnd(14)} ${describes}`).join("\n")}

  --count  how many trials; --turns says the same
  --kind   of what, for measurements that name kinds
  --seed   the seed; a failure is found again by the same one
  --store  where the ledger is; default postgres
  --json   write the result as JSON

Ends with 1 when the figure is missed.
`;

function usage(code: number): never {
  (code === 0 ? process.stdout : process.stderr).write(HELP);
  process.exit(code);
}

function readOptions(): { measurement: Measurement; options: MeasureOptions; json: boolean } {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      count: { type: "string" },
      turns: { type: "string" },
      kind: { type: "string" },
      seed: { type: "string" },
      store: { type: "string", default: "postgres" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) usage(0);
  const measurement = MEASUREMENTS.find(({ name }) => name === positionals[0]);
  const trials = values.count ?? values.turns;
  const count = trials === undefined ? undefined : Number(trials);
  const seed = values.seed === undefined ? Date.now() % 1_000_000_000 : Number(values.seed);
  const { store, kind } = values;
  if (measurement === undefined || positionals.length !== 1) usage(64);
  if (!Number.isSafeInteger(seed) || (count !== undefined && !(Number.isSafeInteger(count) && count > 0))) usage(64);
  if (store !== "pglite" && store !== "postgres") usage(64);
  const options: MeasureOptions = {
    seed,
    store,
    ...(count !== undefined && { count }),
    ...(kind !== undefined && { kind }),
  };
  return { measurement, options, json: values.json };
}

const { measurement, options, json } = readOptions();
const started = performance.now();
const result = await measurement.run(options);
const seconds = Math.round((performance.now() - started) / 1_000);
const report = { name: measurement.name, seed: options.seed, store: options.store, seconds, ...result };
if (json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
else {
  process.stdout.write(`${report.name} on ${report.store}, seed ${report.seed}, ${seconds} s\n`);
  for (const [figure, value] of Object.entries(result.figures))
    process.stdout.write(`  ${figure.padEnd(12)} ${value}\n`);
  for (const failure of result.failures) process.stdout.write(`  failed: ${failure}\n`);
  process.stdout.write(`${result.passed ? "passed" : "FAILED"}\n`);
}
process.exit(result.passed ? 0 : 1);
