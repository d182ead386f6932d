import { randomBytes } from "node:crypto";

/** The application service's own name towards its homeserver. */
export const SERVICE_ID = "parley";

export interface RegistrationOptions {
  /** Where the homeserver reaches Parley. */
  readonly url: string;
  readonly appServiceToken: string;
  readonly homeserverToken: string;
  readonly senderLocalpart: string;
  readonly puppetPrefix: string;
}

/** A token of a registration: 256 bits. */
export function newRegistrationToken(): string {
  return randomBytes(32).toString("base64url");
}

/**
 * The registration file that a homeserver's admin installs: Parley's own account, and all accounts whose names begin with the
 * prefix, which nobody else may then take. Without rate limits, because several agents answer through one service.
 *
 * https://spec.matrix.org/v1.19/application-service-api/#registration
 */
export function matrixRegistration(options: RegistrationOptions): string {
  const escaped = options.puppetPrefix.replaceAll(/[.=-]/gu, (sign) => (sign === "." ? "\\." : sign));
  return [
    `id: ${SERVICE_ID}`,
    `url: ${quoted(options.url)}`,
    `as_token: ${quoted(options.appServiceToken)}`,
    `hs_token: ${quoted(options.homeserverToken)}`,
    `sender_localpart: ${quoted(options.senderLocalpart)}`,
    "rate_limited: false",
    "namespaces:",
    "  users:",
    "    - exclusive: true",
    `      regex: ${quoted(`@${escaped}.*`)}`,
    "  aliases: []",
    "  rooms: []",
    "",
  ].join("\n");
}

/** JSON strings are YAML strings. */
function quoted(text: string): string {
  return JSON.stringify(text);
}
