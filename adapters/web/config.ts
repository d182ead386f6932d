import { randomBytes } from "node:crypto";
import { MAX_UPLOAD_BYTES } from "./protocol.ts";

export const DEFAULT_REQUESTS_PER_MINUTE = 600;
const KEY_BYTES = 32;
export const DEFAULT_SESSION_TTL_MS = 30 * 24 * 60 * 60_000;

/** What can be set about the web room; host and port are the HTTP server's own. */
export interface WebAdapterConfig {
  /** The organization that a page which names none is of. */
  readonly organizationId: string;
  /** Organizations that have rooms here, that one among them; people of others are unknown. Default: it alone. */
  readonly organizationIds?: readonly string[];
  /** Where people reach the page; without it only pages of a loopback or IP address are believed. */
  readonly publicUrl?: string;
  /** Default 25 MiB. */
  readonly maxUploadBytes?: number;
  /** Requests of one person per minute. Default 600. */
  readonly requestsPerMinute?: number;
  /** Life of a session, in ms. Default 30 days. */
  readonly sessionTtlMs?: number;
  /** Identity providers of organizations that sign in by one. Default: none. */
  readonly oidc?: readonly WebOidcSettings[];
  /** 256-bit key that seals what a browser carries to a provider and back. Default: one of this process alone. */
  readonly oidcKey?: Buffer;
}

/** The identity provider of an organization and whom of its people are let in. */
export interface WebOidcSettings {
  readonly organizationId: string;
  /** Issuer identifier, from which everything else about it is found. */
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** What the page calls it. */
  readonly label: string;
  /** Domains of verified e-mail addresses; `*` for whoever the issuer signs in. */
  readonly allowedDomains: readonly string[];
  /** Claims that a person must have, each with one of these values. */
  readonly claims: Readonly<Record<string, readonly string[]>>;
  /** What somebody who comes for the first time may do. */
  readonly defaultRole: "admin" | "member";
}

export type ResolvedWebConfig = Required<Omit<WebAdapterConfig, "publicUrl">> & {
  readonly publicUrl: string | undefined;
};

export function resolveConfig(config: WebAdapterConfig): ResolvedWebConfig {
  return {
    organizationId: config.organizationId,
    organizationIds: config.organizationIds ?? [config.organizationId],
    publicUrl: config.publicUrl,
    maxUploadBytes: config.maxUploadBytes ?? MAX_UPLOAD_BYTES,
    requestsPerMinute: config.requestsPerMinute ?? DEFAULT_REQUESTS_PER_MINUTE,
    oidc: config.oidc ?? [],
    oidcKey: config.oidcKey ?? randomBytes(KEY_BYTES),
    sessionTtlMs: config.sessionTtlMs ?? DEFAULT_SESSION_TTL_MS,
  };
}
