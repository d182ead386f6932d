import { createHash, createHmac, createPrivateKey, generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export type Claims = Record<string, unknown>;

interface Grant {
  readonly clientId: string;
  readonly redirectUri: string;
  readonly nonce: string | undefined;
  readonly challenge: string | undefined;
}

/** How a token deviates from what an honest provider gives. */
export interface Fault {
  readonly claims?: (claims: Claims) => Claims;
  readonly header?: (header: Claims) => Claims;
  /** `other`: by a key that is not published; `none`: an empty signature; `foreign`: HS256 keyed with the public key. */
  readonly signature?: "other" | "none" | "foreign";
}

/** An identity provider on loopback that speaks OpenID Connect's authorization code flow as providers do: discovery, keys, PKCE, codes that work once. */
export interface OidcProvider {
  readonly issuer: string;
  /** Whom the next visitor is signed in as. */
  person: Claims;
  fault: Fault;
  /** Every request to the token endpoint with the status it got. */
  readonly tokenRequests: { readonly status: number; readonly error?: string }[];
  close(): Promise<void>;
}

export const CLIENT = { clientId: "parley", clientSecret: "client-secret-of-a-test-4711" } as const;
const LIFE_S = 300;

export async function startOidcProvider(): Promise<OidcProvider> {
  const keys = generateKeyPairSync("rsa", { modulusLength: 2_048 });
  const other = generateKeyPairSync("rsa", { modulusLength: 2_048 });
  const publicJwk = { ...keys.publicKey.export({ format: "jwk" }), kid: "k1", use: "sig", alg: "RS256" };
  const grants = new Map<string, Grant>();
  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => response.writeHead(500).end(String(error)));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`; // a TCP server has one
  const provider: OidcProvider = {
    issuer,
    person: { sub: "1", name: "Ida", email: "ida@example.org", email_verified: true },
    fault: {},
    tokenRequests: [],
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", issuer);
    switch (url.pathname) {
      case "/.well-known/openid-configuration":
        return json(response, 200, {
          issuer,
          authorization_endpoint: `${issuer}/authorize`,
          token_endpoint: `${issuer}/token`,
          jwks_uri: `${issuer}/keys`,
          response_types_supported: ["code"],
          subject_types_supported: ["public"],
          id_token_signing_alg_values_supported: ["RS256"],
          code_challenge_methods_supported: ["S256"],
        });
      case "/keys":
        return json(response, 200, { keys: [publicJwk] });
      case "/authorize":
        return authorize(url.searchParams, response);
      case "/token":
        return token(new URLSearchParams(await bodyOf(request)), response);
      default:
        response.writeHead(404).end();
    }
  }

  function authorize(query: URLSearchParams, response: ServerResponse): void {
    const code = randomBytes(16).toString("base64url");
    const redirectUri = query.get("redirect_uri") ?? "";
    grants.set(code, {
      clientId: query.get("client_id") ?? "",
      redirectUri,
      nonce: query.get("nonce") ?? undefined,
      challenge: query.get("code_challenge_method") === "S256" ? (query.get("code_challenge") ?? undefined) : undefined,
    });
    const back = new URL(redirectUri);
    back.searchParams.set("code", code);
    back.searchParams.set("state", query.get("state") ?? "");
    response.writeHead(302, { location: back.href }).end();
  }

  function token(body: URLSearchParams, response: ServerResponse): void {
    const refuse = (error: string): void => {
      provider.tokenRequests.push({ status: 400, error });
      json(response, 400, { error });
    };
    const code = body.get("code") ?? "";
    const grant = grants.get(code);
    grants.delete(code);
    if (body.get("client_id") !== CLIENT.clientId || body.get("client_secret") !== CLIENT.clientSecret)
      return refuse("invalid_client");
    if (body.get("grant_type") !== "authorization_code" || grant === undefined) return refuse("invalid_grant");
    const challenge = createHash("sha256")
      .update(body.get("code_verifier") ?? "")
      .digest("base64url");
    if (grant.challenge === undefined || challenge !== grant.challenge) return refuse("invalid_grant");
    if (body.get("redirect_uri") !== grant.redirectUri || grant.clientId !== CLIENT.clientId)
      return refuse("invalid_grant");
    provider.tokenRequests.push({ status: 200 });
    json(response, 200, {
      access_token: randomBytes(16).toString("base64url"),
      token_type: "Bearer",
      expires_in: LIFE_S,
      id_token: idToken(grant),
    });
  }

  function idToken({ nonce }: Grant): string {
    const now = Math.floor(Date.now() / 1_000);
    const { fault } = provider;
    const honest = { iss: issuer, aud: CLIENT.clientId, iat: now, exp: now + LIFE_S, nonce, ...provider.person };
    const header = fault.header?.({ alg: "RS256", kid: "k1" }) ?? { alg: "RS256", kid: "k1" };
    const parts = [header, fault.claims?.(honest) ?? honest].map((part) =>
      Buffer.from(JSON.stringify(part)).toString("base64url"),
    );
    const signed = parts.join(".");
    if (fault.signature === "none") return `${signed}.`;
    if (fault.signature === "foreign") {
      const key = keys.publicKey.export({ format: "pem", type: "spki" });
      return `${signed}.${createHmac("sha256", key).update(signed).digest("base64url")}`;
    }
    const { privateKey } = fault.signature === "other" ? other : keys;
    return `${signed}.${sign("sha256", Buffer.from(signed), createPrivateKey(privateKey.export({ format: "pem", type: "pkcs8" }))).toString("base64url")}`;
  }

  return provider;
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response
    .writeHead(status, { "content-type": "application/json", "cache-control": "no-store" })
    .end(JSON.stringify(body));
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk as Uint8Array)); // a request without an encoding gives bytes
  return Buffer.concat(chunks).toString("utf8");
}
