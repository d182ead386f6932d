import { parseArgs } from "node:util";
import { STORES, type StoreKind } from "./scenario.ts";

export const HELP = `npm run test:faults -- [options]

Runs Parley as real processes against stand-ins of Slack and Discord and a real Matrix homeserver, and breaks things: kills,
restarts, lost and doubled messages, failing agents. The log of the platform decides: nothing lost, nothing twice, nothing out of order.

  --reduced          the part for every change, about 9 minutes on 2 cores; what fails without a message lost,
                     doubled or misplaced is run once more alone, and named
  --only <text>      only scenarios whose name contains this; several separated by commas
  --store <name>     only this store: ${STORES.join(", ")}; several separated by commas
  --repeat <n>       each of them so many times (default 1)
  --parallel <n>     how many at once (default 1, reduced 2)
  --json             the outcomes as one line of JSON before the last line
  --list             say what there is, and run nothing
  --help             this text

The last line is "N passed, N failed"; the exit status is 0 only when nothing failed.`;

export interface RunOptions {
  readonly reduced: boolean;
  readonly only: readonly string[];
  readonly stores: readonly StoreKind[];
  readonly repeat: number;
  readonly parallel: number;
  readonly json: boolean;
  readonly list: boolean;
  readonly help: boolean;
}

/** @throws Error that names the option which is wrong. */
export function readOptions(argv: readonly string[]): RunOptions {
  const { values } = parseArgs({
    args: [...argv],
    strict: true,
    options: {
      reduced: { type: "boolean", default: false },
      only: { type: "string", default: "" },
      store: { type: "string", default: "" },
      repeat: { type: "string", default: "1" },
      parallel: { type: "string" },
      json: { type: "boolean", default: false },
      list: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const named = values.store.split(",").filter((name) => name !== "");
  const stores = STORES.filter((store) => named.length === 0 || named.includes(store));
  if (stores.length < named.length) throw new Error(`--store: ${values.store} is none of ${STORES.join(", ")}`);
  return {
    reduced: values.reduced,
    only: values.only.split(",").filter((text) => text !== ""),
    stores,
    repeat: count("--repeat", values.repeat),
    parallel: count("--parallel", values.parallel ?? (values.reduced ? "2" : "1")),
    json: values.json,
    list: values.list,
    help: values.help,
  };
}

function count(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new Error(`${name}: ${text} is no number of times`);
  return value;
}
