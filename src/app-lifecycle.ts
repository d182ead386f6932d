import type { FastifyInstance } from "fastify";
import { listen } from "./api/listen.ts";
import type { createOperatorAccess } from "./api/operator-access.ts";
import type { DialIn } from "./app-dial-in.ts";
import type { Config } from "./config/config.ts";
import type { ChatAdapter } from "./contracts/adapter.ts";
import type { Logger } from "./contracts/logger.ts";
import type { Database } from "./ledger/connection/database.ts";
import { resealSecrets } from "./ledger/reseal-secrets.ts";
import type { SecretBox } from "./ledger/secret-box.ts";
import type { Directory } from "./pipeline/directory.ts";
import type { createPipeline } from "./pipeline/pipeline.ts";

/** A composed Parley process. */
export interface App {
  /** Resolves when it takes messages. The link signs the owner in once; undefined in processes without the ingest role. */
  start(): Promise<{
    readonly url: string;
    readonly signInLink: string | undefined;
    readonly insteadOfPort: number | undefined;
    readonly agents: readonly string[];
    readonly platforms: readonly string[];
  }>;
  /** Takes nothing new, lets work end within the drain time, hands the rest over; safe to call twice. */
  stop(reason: string): Promise<void>;
}

/** What a process is made of once everything is created. */
export interface Composition {
  readonly config: Config;
  readonly logger: Logger;
  readonly roles: { readonly ingest: boolean };
  readonly server: FastifyInstance;
  readonly adapters: ReadonlyMap<string, ChatAdapter>;
  readonly pipeline: Awaited<ReturnType<typeof createPipeline>>;
  readonly operator: ReturnType<typeof createOperatorAccess>;
  readonly signInLink: () => Promise<string>;
  readonly dialIn: DialIn;
  readonly state: { url: string; started: boolean; draining: boolean };
  readonly closers: readonly (() => Promise<void>)[];
  readonly directory: Directory;
}

/** How long adapters have to say that they take nothing more, as a share of the drain time. */
const GRACE_SHARE = 0.8;

/** Says how the parts of a process start, in their order, and how they end. */
export function compose(parts: Composition): App {
  const { config, logger, server, adapters, pipeline, state } = parts;
  const stopping = new AbortController();
  let stopped: Promise<void> | undefined;

  async function stopAll(reason: string): Promise<void> {
    logger.info({ reason }, "draining");
    state.draining = true;
    stopping.abort();
    parts.operator.retract();
    parts.dialIn.drain();
    await Promise.allSettled([...adapters.values()].map((adapter) => adapter.stop()));
    await pipeline.stop(config.limits.drainTimeoutMs * GRACE_SHARE);
    await server
      .close()
      .catch((error: unknown) => logger.warn({ err: error }, "the HTTP server did not close cleanly"));
    for (const close of parts.closers.toReversed())
      await close().catch((error: unknown) => logger.warn({ err: error }, "closing failed"));
    logger.info({ reason }, "stopped");
  }

  return {
    async start() {
      const listening = await listen(server, config.web);
      state.url = (config.web.publicUrl ?? listening.url).replace(/\/$/, "");
      await pipeline.start();
      await parts.dialIn.start({ wake: pipeline.wake, adapters });
      await Promise.all([...adapters.values()].map((adapter) => adapter.start(pipeline.sink, stopping.signal)));
      pipeline.wake();
      parts.operator.publish(listening.url);
      state.started = true;
      return {
        url: state.url,
        signInLink: parts.roles.ingest ? await parts.signInLink() : undefined,
        insteadOfPort: listening.insteadOf,
        agents: parts.directory.list(config.organizationId).map((agent) => agent.handle),
        platforms: [...adapters.keys()],
      };
    },
    stop(reason) {
      stopped ??= stopAll(reason);
      return stopped;
    },
  };
}

/** Says when the key of before is no longer needed, and which rows no key opens. */
export async function reseal(on: {
  database: Database;
  box: SecretBox;
  logger: Logger;
  signal: AbortSignal;
}): Promise<void> {
  try {
    const { resealed, unreadable } = await resealSecrets(on.database, on.box, on.signal);
    if (unreadable.length > 0) on.logger.error({ rows: unreadable.slice(0, 100) }, "stored secrets that no key opens");
    if (resealed > 0) on.logger.info({ rows: resealed }, "stored secrets are sealed with the current key");
  } catch (error) {
    if (!on.signal.aborted)
      on.logger.warn({ err: error }, "stored secrets could not be sealed anew; tried again at the next start");
  }
}
