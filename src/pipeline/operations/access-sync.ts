import type { AccessConfig } from "../../contracts/access-config.ts";
import type { Logger } from "../../contracts/logger.ts";
import type { AccessRegistry } from "./access-operations.ts";

/** How often places that the configuration names and nobody knows yet are looked for, in ms. */
const LOOK_AGAIN_MS = 5_000;

/** Keeps the ledger's lists what the configuration says. */
export interface AccessSync {
  /** Writes the lists; from then on places that appear later get theirs within 5 s. Rejects when the ledger cannot be written. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

export function createAccessSync(options: {
  readonly access: AccessRegistry;
  readonly organizationId: string;
  readonly config: AccessConfig;
  readonly logger: Logger;
}): AccessSync {
  const { access, organizationId, logger } = options;
  const told = new Set<string>();
  let config = options.config;
  let left: string | undefined;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  let running: Promise<void> = Promise.resolve();

  async function sync(): Promise<void> {
    const outcome = await access.sync(organizationId, config, left);
    left = outcome.left;
    // Somebody wrote another configuration since: its places are theirs to look for.
    if (left === undefined) return;
    for (const problem of outcome.problems.filter((text) => !told.has(text))) {
      told.add(problem);
      logger.warn({ problem }, "a place of the access lists is not known yet; its lines hold once it is");
    }
    if (outcome.problems.length > 0) lookIn(LOOK_AGAIN_MS);
  }

  function lookIn(delayMs: number): void {
    clearTimeout(timer);
    if (!stopped) timer = setTimeout(lookAgain, delayMs).unref();
  }

  function lookAgain(): void {
    running = sync().catch((error: unknown) => {
      logger.warn({ err: error }, "the access lists could not be written; trying again");
      lookIn(LOOK_AGAIN_MS);
    });
  }

  access.onApplied((applied) => {
    config = applied;
    left = undefined;
    lookIn(0);
  });

  return {
    start: sync,
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
