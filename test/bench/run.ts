import { readOptions } from "./options.ts";

/** `npm run bench`: what Parley costs beside plain Bolt, the `chat` package and raw BullMQ, as ratios of one run. */
const options = readOptions(process.argv.slice(2));
process.stdout.write(`bench: ${options.scenarios.join(", ")}\n`);
