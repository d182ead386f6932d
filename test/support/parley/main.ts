import { createApp } from "../../../src/app.ts";
import { secretValues } from "../../../src/config/config.ts";
import { loadConfig } from "../../../src/config/load-config.ts";
import { createLogger } from "../../../src/log/create-logger.ts";
import { sabotagePorts } from "./sabotage.ts";
import type { StoppedProcessOptions } from "./stop-point.ts";
import { delegate, stoppingPorts } from "./stopping-ports.ts";

/**
 * A Parley process as `parley start` composes it, with ports that end it at an exact point or break it on purpose: what
 * signals from outside cannot do. Prints the same line of JSON when it listens.
 */
const options = JSON.parse(process.argv[2] ?? "{}") as StoppedProcessOptions; // written by start-parley.ts
const config = await loadConfig();
const logger = createLogger({ level: config.logLevel, secrets: secretValues(config), format: "json" });
const stopping = options.stop === undefined ? undefined : stoppingPorts(options.stop);
const app = await createApp(config, logger, {
  ...stopping?.ports,
  ...(options.loseBells === true && {
    doorbell: (opened) => delegate(opened, { ring: async () => undefined, ringQuietly: () => undefined }),
  }),
  ...(options.sabotage !== undefined && sabotagePorts(options.sabotage)),
});
process.once("SIGTERM", () => void app.stop("SIGTERM").then(() => process.exit(0)));
const { url } = await app.start();
process.stdout.write(`${JSON.stringify({ url, pid: process.pid })}\n`);
stopping?.arm();
