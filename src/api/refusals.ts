import type { FastifyInstance } from "fastify";
import type { Logger } from "../contracts/logger.ts";
import { toKnownError } from "./error-answers.ts";

/** One line per route and code in this time, so that a flood of refusals is no flood of logs. */
const LOG_EVERY_MS = 60_000;
const FIRST_REFUSAL = 400;
const FIRST_FAILURE = 500;

export interface RefusalOptions {
  readonly logger: Logger;
  readonly refused: (route: string, code: string) => void;
  readonly nowMs?: () => number;
}

/**
 * Guarantees that every request that is turned away (a bad signature, a wrong token, a body over the limit) is counted by route
 * and code, and that the first of a minute is logged with how many went before it unsaid.
 *
 * Routes are patterns and never addresses: some addresses hold secrets.
 */
export function watchRefusals(server: FastifyInstance, { logger, refused, nowMs = Date.now }: RefusalOptions): void {
  const seen = new Map<string, { loggedAtMs: number; unsaid: number }>();
  server.addHook("onError", (request, _reply, error, done) => {
    const known = toKnownError(error);
    const { status } = known.row;
    const route = request.routeOptions.url;
    if (route !== undefined && status >= FIRST_REFUSAL && status < FIRST_FAILURE) {
      refused(route, known.code);
      const key = `${route} ${known.code}`;
      const before = seen.get(key);
      if (before !== undefined && nowMs() - before.loggedAtMs < LOG_EVERY_MS) before.unsaid += 1;
      else {
        seen.set(key, { loggedAtMs: nowMs(), unsaid: 0 });
        logger.warn(
          { route, method: request.method, code: known.code, ...(before && { unsaid: before.unsaid }) },
          "request refused",
        );
      }
    }
    done();
  });
}
