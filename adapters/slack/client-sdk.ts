import { WebClient } from "@slack/web-api";
import { quietLogger } from "./client-logger.ts";
import type { SdkFetch } from "./sdk-connections.ts";

export type { WebClient };

const READ_TIMEOUT_MS = 10_000;

/** The SDK's client for everything that is no hot path: no retries, no silent waiting, a timeout. */
export function createWebClient(token: string | undefined, apiUrl: string, fetch: SdkFetch): WebClient {
  return new WebClient(token, {
    slackApiUrl: apiUrl.endsWith("/") ? apiUrl : `${apiUrl}/`,
    retryConfig: { retries: 0 },
    rejectRateLimitedCalls: true,
    timeout: READ_TIMEOUT_MS,
    fetch,
    allowAbsoluteUrls: false,
    logger: quietLogger,
  });
}
