import {
  allowInsecureRequests,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  type Configuration,
  calculatePKCECodeChallenge,
  discovery,
  enableNonRepudiationChecks,
  randomNonce,
  randomPKCECodeVerifier,
  randomState,
} from "openid-client";
import type { WebOidcSettings } from "./config.ts";

const SCOPES = "openid profile email";
const TIMEOUT_S = 5;
/** Keys and addresses of a provider change rarely, and then they must be found again without a restart. */
const DISCOVERY_AGE_MS = 60 * 60_000;

/** What one browser's sign-in has to come back with. */
export interface OidcChecks {
  readonly state: string;
  readonly nonce: string;
  readonly codeVerifier: string;
}

/** What the provider says of a person, its signature, issuer, audience, times and nonce checked. */
export interface OidcIdentity {
  readonly issuer: string;
  readonly subject: string;
  readonly claims: Readonly<Record<string, unknown>>;
}

/** One identity provider, spoken to by OpenID Connect's authorization code flow with PKCE. */
export interface OidcClient {
  begin(redirectUri: string): Promise<{ readonly url: string; readonly checks: OidcChecks }>;
  /** `returned` is the whole address that the browser came back with. Throws when anything about it is not as it must be. */
  finish(returned: URL, checks: OidcChecks): Promise<OidcIdentity>;
}

/** Asks the provider for nothing until somebody signs in. */
export function createOidcClient(settings: Pick<WebOidcSettings, "issuer" | "clientId" | "clientSecret">): OidcClient {
  let found: { readonly at: number; readonly configuration: Promise<Configuration> } | undefined;

  async function configured(): Promise<Configuration> {
    if (found === undefined || performance.now() - found.at > DISCOVERY_AGE_MS) {
      const configuration = discover(settings);
      const mine = { at: performance.now(), configuration };
      found = mine;
      configuration.catch(() => {
        if (found === mine) found = undefined;
      });
    }
    return await found.configuration;
  }

  return {
    async begin(redirectUri) {
      const checks = { state: randomState(), nonce: randomNonce(), codeVerifier: randomPKCECodeVerifier() };
      const url = buildAuthorizationUrl(await configured(), {
        redirect_uri: redirectUri,
        scope: SCOPES,
        state: checks.state,
        nonce: checks.nonce,
        code_challenge: await calculatePKCECodeChallenge(checks.codeVerifier),
        code_challenge_method: "S256",
      });
      return { url: url.href, checks };
    },
    async finish(returned, { state, nonce, codeVerifier }) {
      const tokens = await authorizationCodeGrant(await configured(), returned, {
        expectedState: state,
        expectedNonce: nonce,
        pkceCodeVerifier: codeVerifier,
        idTokenExpected: true,
      });
      const claims = tokens.claims();
      if (claims === undefined) throw new Error("the provider gave no ID token");
      return { issuer: claims.iss, subject: claims.sub, claims };
    },
  };
}

async function discover({ issuer, clientId, clientSecret }: Parameters<typeof createOidcClient>[0]) {
  const address = new URL(issuer);
  return await discovery(address, clientId, clientSecret, undefined, {
    timeout: TIMEOUT_S,
    // Without it the signature of a token that came over TLS would be taken on trust.
    execute: [enableNonRepudiationChecks, ...(address.protocol === "http:" ? [allowInsecureRequests] : [])],
  });
}
