import type { RootLogger } from "../log/create-logger.ts";
import { EXIT } from "./exit.ts";

export interface StopOptions {
  readonly stop: (reason: string) => Promise<void>;
  /** How long stopping may take, in ms. */
  readonly deadlineMs: number;
  readonly logger: RootLogger;
}

const SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"] as const;
/** npm and the launcher pass on a Ctrl-C that the terminal sent to this process as well; that is one request and not two. */
const SAME_REQUEST_MS = 500;

/**
 * Resolves with the exit code once a signal came and everything has stopped.
 *
 * The first signal drains, up to the deadline; a second one ends the process at once.
 */
export function untilStopped({ stop, deadlineMs, logger }: StopOptions): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  let askedAt: number | undefined;
  const onSignal = (signal: NodeJS.Signals) => {
    const now = performance.now();
    if (askedAt === undefined) {
      askedAt = now;
      void drain(signal, { stop, deadlineMs, logger }).then(resolve);
    } else if (now - askedAt > SAME_REQUEST_MS) {
      logger.warn({ signal }, "stopping at once; what was under way is taken up again at the next start");
      logger.flush();
      process.exit(EXIT.failed);
    }
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  return promise;
}

async function drain(signal: string, { stop, deadlineMs, logger }: StopOptions): Promise<number> {
  logger.info({ signal, deadlineMs }, "stopping: work under way is finished, no new work is taken");
  const { promise: late, resolve } = Promise.withResolvers<"late">();
  const timer = setTimeout(() => resolve("late"), deadlineMs);
  try {
    if ((await Promise.race([stop(signal), late])) !== "late") {
      logger.info({}, "stopped");
      return EXIT.ok;
    }
    logger.warn({ deadlineMs }, "stopped before everything was finished; the rest is taken up again at the next start");
  } catch (error) {
    logger.error({ error }, "stopping failed");
  } finally {
    clearTimeout(timer);
  }
  return EXIT.failed;
}

/** Guarantees that an error which nobody caught is logged and ends the process with 1: its state can no longer be trusted. */
export function exitOnFatal(logger: RootLogger): void {
  const end = (what: string) => (error: unknown) => {
    logger.fatal({ error }, what);
    logger.flush();
    process.exit(EXIT.failed);
  };
  process.on("uncaughtException", end("uncaught exception"));
  process.on("unhandledRejection", end("unhandled rejection"));
}
