import { setTimeout as delay } from "node:timers/promises";
import { type Command, Option } from "commander";
import type { App } from "../app.ts";
import { type Config, secretValues } from "../config/config.ts";
import { ENVIRONMENT } from "../config/environment.ts";
import { createLogger, type RootLogger } from "../log/create-logger.ts";
import { loadCheckedConfig } from "./checked-config.ts";
import { createOutput, type Output } from "./output.ts";
import { exitOnFatal, untilStopped } from "./process-signals.ts";
import { printStarted, type Started } from "./started.ts";

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
  const boot = new Boot(async () => {
    const { createApp } = await import("../app.ts");
    return createApp(config, logger);
  });
  // From here on a signal stops what was started, even halfway through opening the ledger.
  const stopped = untilStopped({
    stop: (reason) => boot.stop(reason),
    deadlineMs: config.limits.drainTimeoutMs,
    logger,
  });
  try {
    const started = await boot.start();
    if (started !== undefined) printStarted(started, config, output);
    process.exitCode = await stopped;
  } finally {
    logger.flush();
  }
  // Something may still hold the event loop; what had to end has ended.
  process.exit();
}

/** How long a start may go on once it was called off, in ms; most of them are over sooner and leave less in disorder. */
const START_GRACE_MS = 5_000;

/** A start that may be called off at any point: what it has opened by then is closed. */
class Boot {
  readonly #create: () => Promise<App>;
  #app: App | undefined;
  #calledOff = false;
  #created: Promise<unknown> = Promise.resolve();
  #over: Promise<unknown> = Promise.resolve();

  constructor(create: () => Promise<App>) {
    this.#create = create;
  }

  /** Undefined when it was called off meanwhile; a start that fails closes what it opened. */
  start(): Promise<Started | undefined> {
    const work = this.#run();
    this.#over = work.catch(() => undefined);
    return work;
  }

  async stop(reason: string): Promise<void> {
    this.#calledOff = true;
    // A ledger that is being opened can only be closed once it is open.
    await this.#created;
    await Promise.race([this.#over, delay(START_GRACE_MS, undefined, { ref: false })]);
    await this.#app?.stop(reason);
  }

  async #run(): Promise<Started | undefined> {
    const creation = this.#create();
    this.#created = creation.catch(() => undefined);
    this.#app = await creation;
    if (this.#calledOff) return undefined;
    try {
      const started = await this.#app.start();
      return this.#calledOff ? undefined : started;
    } catch (error) {
      if (this.#calledOff) return undefined;
      await this.#app.stop("the start failed");
      throw error;
    }
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
