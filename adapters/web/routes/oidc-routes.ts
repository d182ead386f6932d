import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { wireKey } from "../../../src/envelope/ids.ts";
import { ParleyError } from "../../../src/errors/parley-error.ts";
import type { WebOidcSettings } from "../config.ts";
import type { WebContext } from "../context.ts";
import { hashSecret, newId, newSecret } from "../ids.ts";
import { displayName, isAdmitted } from "../oidc-admission.ts";
import { keepAttempt, takeAttempt } from "../oidc-attempt.ts";
import { createOidcClient, type OidcClient, type OidcIdentity } from "../oidc-client.ts";
import { isUnspoofable } from "../origin-policy.ts";
import { WEB_API_PREFIX } from "../protocol.ts";
import type { WebServer } from "../server-plugins.ts";
import { isSecure, setSessionCookie } from "../session-cookie.ts";

const SIGN_INS_PER_MINUTE = 20;
const MAX_USER_AGENT_CHARS = 200;
const OrganizationQuery = z.object({ organization: wireKey(64).optional() });
/** Where the page says that it did not work; why is not said to whoever asks. */
const REFUSED = "/sign-in#refused";

/** Sign-in by the organization's own identity provider. */
export function addOidcRoutes(server: WebServer, context: WebContext): void {
  const { publicUrl, oidc, oidcKey, organizationId: standard } = context.config;
  const providers = new Map<string, { settings: WebOidcSettings; client: OidcClient }>(
    oidc.map((settings) => [settings.organizationId, { settings, client: createOidcClient(settings) }]),
  );
  const rateLimit = {
    max: SIGN_INS_PER_MINUTE,
    timeWindow: 60_000,
    keyGenerator: (request: FastifyRequest) => `oidc:${request.ip}`,
  };

  server.get(
    "/sign-in-options",
    { schema: { querystring: OrganizationQuery }, config: { webPublic: true, rateLimit } },
    async (request) => {
      const { organization = standard } = request.query;
      const provider = providers.get(organization);
      if (provider === undefined) return { oidc: null };
      const query = new URLSearchParams({ organization });
      return { oidc: { label: provider.settings.label, url: `${WEB_API_PREFIX}/oidc/start?${query}` } };
    },
  );

  server.get(
    "/oidc/start",
    { schema: { querystring: OrganizationQuery }, config: { webPublic: true, rateLimit } },
    async (request, reply) => {
      const { organization: organizationId = standard } = request.query;
      const provider = providers.get(organizationId);
      if (provider === undefined) throw new ParleyError("NOT_FOUND");
      const redirectUri = `${ownAddress(request, publicUrl)}${WEB_API_PREFIX}/oidc/callback`;
      const { url, checks } = await provider.client.begin(redirectUri).catch((cause: unknown) => {
        throw new ParleyError("PLATFORM_UNAVAILABLE", { cause, detail: "The identity provider does not answer." });
      });
      const attempt = { ...checks, organizationId, redirectUri };
      keepAttempt(reply, { attempt, key: oidcKey, secure: isSecure(request, publicUrl) });
      return await reply.redirect(url);
    },
  );

  server.get(
    "/oidc/callback",
    { config: { webPublic: true, webNavigation: true, rateLimit } },
    async (request, reply) => {
      const attempt = takeAttempt(request, reply, { key: oidcKey, secure: isSecure(request, publicUrl) });
      const provider = attempt && providers.get(attempt.organizationId);
      if (attempt === undefined || provider === undefined) return await reply.redirect(REFUSED, 303);
      const returned = new URL(attempt.redirectUri);
      returned.search = new URL(request.url, "http://none").search;
      const identity = await provider.client.finish(returned, attempt).catch((error: unknown) => {
        context
          .sink()
          ?.logger.warn({ reason: reasonOf(error) }, "web room: a sign-in by the identity provider is refused");
      });
      const token = newSecret();
      const session = identity && (await openSession(context, { attempt, identity, token, request, provider }));
      if (session === undefined) return await reply.redirect(REFUSED, 303);
      // The person may have joined the default room.
      context.intake.sweepSoon();
      setSessionCookie(request, reply, { publicUrl, token, maxAgeMs: context.config.sessionTtlMs });
      return await reply.redirect("/", 303);
    },
  );
}

interface Returned {
  readonly attempt: { readonly organizationId: string };
  readonly identity: OidcIdentity;
  readonly token: string;
  readonly request: FastifyRequest;
  readonly provider: { readonly settings: WebOidcSettings };
}

async function openSession(context: WebContext, { attempt, identity, token, request, provider }: Returned) {
  const { settings } = provider;
  return await context.store.access.signInByIdentity({
    organizationId: attempt.organizationId,
    issuer: identity.issuer,
    subject: identity.subject,
    admitted: isAdmitted(identity.claims, settings),
    name: displayName(identity.claims),
    role: settings.defaultRole,
    tokenHash: hashSecret(token),
    sessionId: newId("s"),
    newPersonId: newId("u"),
    userAgent: (request.headers["user-agent"] ?? "").slice(0, MAX_USER_AGENT_CHARS),
    sessionTtlMs: context.config.sessionTtlMs,
  });
}

/** Where the provider sends the person back to; a name that was asked is believed only where nobody could have made it lead here. */
function ownAddress(request: FastifyRequest, publicUrl: string | undefined): string {
  if (publicUrl !== undefined) return new URL(publicUrl).origin;
  const own = `${request.protocol}://${request.host}`;
  if (!URL.canParse(own) || !isUnspoofable(new URL(own).hostname))
    throw new ParleyError("PERMISSION_DENIED", { detail: "Set PARLEY_PUBLIC_URL to sign in under this name." });
  return new URL(own).origin;
}

/** Codes of the library and of OAuth; never what was in a token. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown";
  return "code" in error && typeof error.code === "string" ? error.code : error.name;
}
