import { MAX_UPLOAD_BYTES } from "./protocol.ts";

export const DEFAULT_REQUESTS_PER_MINUTE = 600;
export const DEFAULT_SESSION_TTL_MS = 30 * 24 * 60 * 60_000;

/** What can be set about the web room; host and port are the HTTP server's own. */
export interface WebAdapterConfig {
  /** The organization whose default room is made at the start. */
  readonly organizationId: string;
  /** Where people reach the page; without it only pages of a loopback or IP address are believed. */
  readonly publicUrl?: string;
  /** Default 25 MiB. */
  readonly maxUploadBytes?: number;
  /** Requests of one person per minute. Default 600. */
  readonly requestsPerMinute?: number;
  /** Life of a session, in ms. Default 30 days. */
  readonly sessionTtlMs?: number;
}

export type ResolvedWebConfig = Required<Omit<WebAdapterConfig, "publicUrl">> & {
  readonly publicUrl: string | undefined;
};

export function resolveConfig(config: WebAdapterConfig): ResolvedWebConfig {
  return {
    organizationId: config.organizationId,
    publicUrl: config.publicUrl,
    maxUploadBytes: config.maxUploadBytes ?? MAX_UPLOAD_BYTES,
    requestsPerMinute: config.requestsPerMinute ?? DEFAULT_REQUESTS_PER_MINUTE,
    sessionTtlMs: config.sessionTtlMs ?? DEFAULT_SESSION_TTL_MS,
  };
}
