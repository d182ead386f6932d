import type { FastifyInstance, FastifyRequest, preParsingAsyncHookHandler, RouteOptions } from "fastify";
import { looksLikeAgentToken } from "../access/api-token-text.ts";
import { API_SCOPES, type ApiPrincipal, type ApiScope } from "../contracts/api-token.ts";
import { ParleyError } from "../errors/parley-error.ts";
import { isLoopbackHost } from "./loopback-host.ts";
import type { OperatorAccess } from "./operator-access.ts";

/**
 * Who may call a route. Every route declares one; a route without one cannot be registered.
 *
 * `public`: anyone. `operator`: the operator's token, a signed-in owner, or a token of the API that has the route's scope, which such
 * a route must declare. `local_or_operator`: as `operator`, and anyone on this machine as long as Parley serves this machine alone.
 * `capability`: whoever knows the address, which holds a single-use secret. `adapter`: the adapter that mounts it verifies each request
 * itself (AD-AUTH-01). `agent`: an agent with its token, which the route verifies and limits itself.
 */
export const AUTH_POLICIES = ["public", "operator", "local_or_operator", "capability", "adapter", "agent"] as const;
export type AuthPolicy = (typeof AUTH_POLICIES)[number];

/** Open to strangers and costly enough to be worth limiting. */
const LIMITED: ReadonlySet<AuthPolicy> = new Set(["operator", "local_or_operator", "capability"]);
/** Policies under which it is known who calls, so that it can be asked what they may. */
const SCOPED: ReadonlySet<AuthPolicy> = new Set(["operator", "local_or_operator"]);
/** The organization that the operator, who belongs to none, acts in. */
export const ORGANIZATION_HEADER = "parley-organization";
/** The command line reads PARLEY_TOKEN, and so does an agent that dials in: in one shell the one is easily taken for the other. */
const AGENT_TOKEN_HERE =
  "this is an agent's token, which is good for dialling in alone; send the operator's token or one of the API (PARLEY_TOKEN), or unset PARLEY_TOKEN";
const EVERY_SCOPE: ReadonlySet<ApiScope> = new Set(API_SCOPES);

declare module "fastify" {
  interface FastifyContextConfig {
    auth?: AuthPolicy;
    /** What a token must be good for; declared by routes of operators and by no others. */
    scope?: ApiScope;
  }
  interface FastifyInstance {
    /** Every registered route with its policy, for checks. */
    routeTable: readonly RouteEntry[];
    /** Set in a scope, it holds for its routes that declare none. */
    authDefault: AuthPolicy | undefined;
    /** As `authDefault`, for the scope of routes that take that policy. */
    scopeDefault: ApiScope | undefined;
  }
}

export interface RouteEntry {
  readonly method: string;
  readonly url: string;
  readonly auth: AuthPolicy;
  readonly scope: ApiScope | undefined;
}

export interface AuthOptions {
  readonly operator: OperatorAccess;
  /** The signed-in owner of an organization whose session the request carries. Default: nobody has one. */
  readonly ownerSession?: (
    request: FastifyRequest,
  ) => Promise<{ readonly organizationId: string; readonly personId: string } | undefined>;
  /** Whom a token of the API stands for at this moment. Default: there are no tokens. */
  readonly verifyToken?: (token: string) => Promise<ApiPrincipal | undefined>;
  /** Told of each request whose caller is known and may not make it; resolves once that is in the audit log. */
  readonly denied?: (
    caller: ApiPrincipal,
    request: { readonly route: string; readonly scope: ApiScope },
  ) => Promise<void>;
  /** The organizations of this deployment; the first one is whom the operator acts for unless the request names another. */
  readonly organizations: readonly string[];
  /** Host that Parley listens on and its public address, which say whether it serves this machine alone. */
  readonly web: { readonly host: string; readonly publicUrl?: string | undefined };
}

/** Guarantees that no route is registered without a policy, and that each policy is enforced before a body is read. */
export function enforceAuthPolicies(server: FastifyInstance, options: AuthOptions): void {
  const table: RouteEntry[] = [];
  const guards = createGuards(options);
  server.decorate("routeTable", table);
  server.decorate("authDefault", undefined);
  server.decorate("scopeDefault", undefined);
  server.decorateRequest("caller", null);
  server.addHook("onRoute", function (route) {
    const auth = route.config?.auth ?? this.authDefault;
    const methods = [route.method].flat();
    if (auth === undefined || !AUTH_POLICIES.includes(auth)) {
      throw new ParleyError("INVARIANT_BROKEN", {
        detail: `the route ${methods.join(",")} ${route.url} declares no auth policy`,
      });
    }
    const scope = route.config?.scope ?? (auth === this.authDefault ? this.scopeDefault : undefined);
    if (SCOPED.has(auth) !== (scope !== undefined && API_SCOPES.includes(scope))) {
      throw new ParleyError("INVARIANT_BROKEN", {
        detail: `the route ${methods.join(",")} ${route.url} ${SCOPED.has(auth) ? "declares no scope that there is" : "is not for operators and declares a scope"}`,
      });
    }
    // Read by the rate limiter, which must be registered later than this hook.
    const limited = LIMITED.has(auth) ? { rateLimit: {} } : {};
    route.config = { ...limited, ...route.config, auth, ...(scope && { scope }) };
    for (const method of methods) table.push({ method, url: route.url, auth, scope });
    if (auth === "operator" || auth === "local_or_operator") addGuard(route, guards[auth]);
  });
}

/** After the rate limit, which counts strangers too, and before the body is read. */
type Guard = preParsingAsyncHookHandler;

function addGuard(route: RouteOptions, guard: Guard): void {
  const hooks = [route.preParsing ?? []].flat();
  // The HEAD route that Fastify adds to a GET route brings the guard along.
  if (!hooks.includes(guard)) route.preParsing = [guard, ...hooks];
}

function createGuards(options: AuthOptions): Record<"operator" | "local_or_operator", Guard> {
  const servesThisMachineAlone = isLoopbackHost(options.web.host) && isLoopbackUrl(options.web.publicUrl);
  const publicHost = options.web.publicUrl === undefined ? undefined : new URL(options.web.publicUrl).host;
  const operator: Guard = async (request, _reply, payload) => {
    request.caller = await callerOf(request, options);
    if (request.caller.id.startsWith("person:")) refuseForeignPage(request, publicHost);
    const { scope, auth } = request.routeOptions.config;
    // Cannot happen: no route is registered without one. Nothing is open because of a slip.
    if (scope === undefined || auth === undefined) throw new ParleyError("PERMISSION_DENIED");
    if (request.caller.scopes.has(scope)) return payload;
    await options.denied?.(request.caller, { route: request.routeOptions.url ?? "none", scope });
    throw new ParleyError("PERMISSION_DENIED", { detail: `this token does not have the scope ${scope}` });
  };
  const localOrOperator: Guard = async function (request, reply, payload) {
    // Whoever says who they are is taken at their word, here as elsewhere.
    if (servesThisMachineAlone && isFromThisMachine(request) && bearerToken(request) === undefined) {
      request.caller = operatorOf("local", request, options);
      return payload;
    }
    return operator.call(this, request, reply, payload);
  };
  return { operator, local_or_operator: localOrOperator };
}

async function callerOf(request: FastifyRequest, options: AuthOptions): Promise<ApiPrincipal> {
  const token = bearerToken(request);
  if (token !== undefined) {
    if (options.operator.verify(token)) return operatorOf("operator", request, options);
    const principal = await options.verifyToken?.(token);
    if (principal !== undefined) return ownOrganization(principal, request, options);
    throw new ParleyError("UNAUTHENTICATED", {
      detail: looksLikeAgentToken(token) ? AGENT_TOKEN_HERE : "the bearer token is not valid",
    });
  }
  const owner = await options.ownerSession?.(request);
  if (owner === undefined) {
    throw new ParleyError("UNAUTHENTICATED", {
      detail: "send the operator's token, or one of the API, as: Authorization: Bearer …",
    });
  }
  const { organizationId, personId } = owner;
  return ownOrganization({ id: `person:${personId}`, organizationId, scopes: EVERY_SCOPE }, request, options);
}

function operatorOf(id: string, request: FastifyRequest, { organizations }: AuthOptions): ApiPrincipal {
  const [standard] = organizations;
  const organizationId = request.headers[ORGANIZATION_HEADER] ?? standard;
  if (typeof organizationId !== "string" || !organizations.includes(organizationId)) throw unknownOrganization();
  return { id, organizationId, scopes: EVERY_SCOPE };
}

/** Who belongs to an organization reaches no other; that there is one is not said. */
function ownOrganization(
  principal: ApiPrincipal,
  request: FastifyRequest,
  { organizations }: AuthOptions,
): ApiPrincipal {
  const named = request.headers[ORGANIZATION_HEADER] ?? principal.organizationId;
  if (named !== principal.organizationId || !organizations.includes(named)) throw unknownOrganization();
  return principal;
}

function unknownOrganization(): ParleyError {
  return new ParleyError("NOT_FOUND", { detail: "there is no such organization" });
}

/** The token of an Authorization header, or undefined when there is none. */
export function bearerToken(request: FastifyRequest): string | undefined {
  const header = request.headers.authorization;
  return header === undefined ? undefined : (/^Bearer +(\S+)$/i.exec(header)?.[1] ?? "");
}

/** A session cookie comes along with whatever page sends the request, so a change needs the page's own origin (security rule R33). */
function refuseForeignPage(request: FastifyRequest, publicHost: string | undefined): void {
  if (request.method === "GET" || request.method === "HEAD") return;
  const site = request.headers["sec-fetch-site"];
  const origin = request.headers.origin;
  const from = origin !== undefined && URL.canParse(origin) ? new URL(origin).host : undefined;
  const own = from !== undefined && (from === request.headers.host || from === publicHost);
  if (!own || (site !== undefined && site !== "same-origin")) {
    throw new ParleyError("PERMISSION_DENIED", { detail: "the request comes from another page" });
  }
}

/** Address, forwarding and name must all say "this machine": a proxy or a rebound name would show otherwise. */
function isFromThisMachine(request: FastifyRequest): boolean {
  const forwarded = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip"].some(
    (name) => name in request.headers,
  );
  const host = request.headers.host;
  const named =
    host !== undefined && URL.canParse(`http://${host}`) && isLoopbackHost(new URL(`http://${host}`).hostname);
  return !forwarded && named && isLoopbackHost(request.socket.remoteAddress ?? "");
}

function isLoopbackUrl(url: string | undefined): boolean {
  return url === undefined || isLoopbackHost(new URL(url).hostname);
}
