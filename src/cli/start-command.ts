import { type Command, Option } from "commander";
import { type Config, secretValues } from "../config/config.ts";
import { ENVIRONMENT } from "../config/environment.ts";
import { createLogger, type RootLogger } from "../log/create-logger.ts";
import { loadCheckedConfig } from "./checked-config.ts";
import { createOutput, type Output } from "./output.ts";
import { exitOnFatal, untilStopped } from "./process-signals.ts";
import { printStarted } from "./started.ts";

const FLAGS = ENVIRONMENT.flatMap((row) => (row.flag === undefined ? [] : [{ ...row, flag: row.flag }]));

/** `parley start` */
export function addStartCommand(program: Command): void {
  const command = program.command("start").description("run Parley until SIGTERM or Ctrl-C");
  for (const { flag, description, default: standard, name } of FLAGS) {
    command.addOption(
      new Option(`--${flag} <value>`, `${description}; default ${standard}; ${name} in the environment`),
    );
  }
  command.option("--json", "write one line of JSON when it listens");
  command.action(async (options: Record<string, string | boolean | undefined>) => {
    const argv = FLAGS.flatMap(({ flag }) => {
      const value = options[camelCase(flag)];
      return typeof value === "string" ? [`--${flag}`, value] : [];
    });
    await start(argv, createOutput(options["json"] === true));
  });
}

async function start(argv: readonly string[], output: Output): Promise<void> {
  const config = await loadCheckedConfig({ argv });
  const logger = createProcessLogger(config);
  exitOnFatal(logger);
  try {
    const { createApp } = await import("../app.ts");
    const app = await createApp(config, logger);
    // From here on a signal stops what was started, even halfway through starting.
    const stopped = untilStopped({
      stop: (reason) => app.stop(reason),
      deadlineMs: config.limits.drainTimeoutMs,
      logger,
    });
    printStarted(await startOrStop(app), config, output);
    process.exitCode = await stopped;
  } finally {
    logger.flush();
  }
  // Something may still hold the event loop; what had to end has ended.
  process.exit();
}

/** A start that failed halfway has a ledger open and perhaps sockets; they must not keep the process. */
async function startOrStop<Started>(app: {
  start(): Promise<Started>;
  stop(reason: string): Promise<void>;
}): Promise<Started> {
  try {
    return await app.start();
  } catch (error) {
    await app.stop("the start failed");
    throw error;
  }
}

function createProcessLogger(config: Config): RootLogger {
  const terminal = process.stderr.isTTY;
  const text = config.logFormat === "text" || (config.logFormat === "auto" && terminal);
  return createLogger({
    level: config.logLevel,
    secrets: secretValues(config),
    format: text ? "text" : "json",
    colored: terminal && process.stderr.hasColors(),
  });
}

function camelCase(flag: string): string {
  return flag.replace(/-([a-z])/g, (_match, letter: string) => letter.toUpperCase());
}
