import type { FastifyInstance, FastifyRequest, preParsingAsyncHookHandler, RouteOptions } from "fastify";
import { ParleyError } from "../errors/parley-error.ts";
import type { OperatorAccess } from "./operator-access.ts";

/**
 * Who may call a route. Every route declares one; a route without one cannot be registered.
 *
 * `public`: anyone. `operator`: the operator's bearer token or a signed-in owner. `local_or_operator`: as `operator`, and
 * anyone on this machine as long as Parley serves this machine alone. `capability`: whoever knows the address, which
 * holds a single-use secret. `adapter`: the adapter that mounts it verifies each request itself (AD-AUTH-01).
 */
export const AUTH_POLICIES = ["public", "operator", "local_or_operator", "capability", "adapter"] as const;
export type AuthPolicy = (typeof AUTH_POLICIES)[number];

/** Open to strangers and costly enough to be worth limiting. */
const LIMITED: ReadonlySet<AuthPolicy> = new Set(["operator", "local_or_operator", "capability"]);

declare module "fastify" {
  interface FastifyContextConfig {
    auth?: AuthPolicy;
  }
  interface FastifyInstance {
    /** Every registered route with its policy, for checks. */
    routeTable: readonly RouteEntry[];
    /** Set in a scope, it holds for its routes that declare none. */
    authDefault: AuthPolicy | undefined;
  }
}

export interface RouteEntry {
  readonly method: string;
  readonly url: string;
  readonly auth: AuthPolicy;
}

export interface AuthOptions {
  readonly operator: OperatorAccess;
  /** True when the request carries the session of a signed-in owner of this deployment. Default: nobody has one. */
  readonly ownerSession?: (request: FastifyRequest) => Promise<boolean>;
  /** Host that Parley listens on and its public address, which say whether it serves this machine alone. */
  readonly web: { readonly host: string; readonly publicUrl?: string | undefined };
}

/** Guarantees that no route is registered without a policy, and that each policy is enforced before a body is read. */
export function enforceAuthPolicies(server: FastifyInstance, options: AuthOptions): void {
  const table: RouteEntry[] = [];
  const guards = createGuards(options);
  server.decorate("routeTable", table);
  server.decorate("authDefault", undefined);
  server.addHook("onRoute", function (route) {
    const auth = route.config?.auth ?? this.authDefault;
    const methods = [route.method].flat();
    if (auth === undefined || !AUTH_POLICIES.includes(auth)) {
      throw new ParleyError("INVARIANT_BROKEN", {
        detail: `the route ${methods.join(",")} ${route.url} declares no auth policy`,
      });
    }
    // Read by the rate limiter, which must be registered later than this hook.
    const limited = LIMITED.has(auth) ? { rateLimit: {} } : {};
    route.config = { ...limited, ...route.config, auth };
    for (const method of methods) table.push({ method, url: route.url, auth });
    const guard = guards[auth];
    if (guard !== undefined) addGuard(route, guard);
  });
}

/** After the rate limit, which counts strangers too, and before the body is read. */
type Guard = preParsingAsyncHookHandler;

function addGuard(route: RouteOptions, guard: Guard): void {
  const hooks = [route.preParsing ?? []].flat();
  // The HEAD route that Fastify adds to a GET route brings the guard along.
  if (!hooks.includes(guard)) route.preParsing = [guard, ...hooks];
}

function createGuards(options: AuthOptions): Record<AuthPolicy, Guard | undefined> {
  const servesThisMachineAlone = isLoopbackHost(options.web.host) && isLoopbackUrl(options.web.publicUrl);
  const publicHost = options.web.publicUrl === undefined ? undefined : new URL(options.web.publicUrl).host;
  const operator: Guard = async (request, _reply, payload) => {
    const token = bearerToken(request);
    if (token !== undefined) {
      if (options.operator.verify(token)) return payload;
      throw new ParleyError("UNAUTHENTICATED", { detail: "the bearer token is not that of the operator" });
    }
    if ((await options.ownerSession?.(request)) !== true) {
      throw new ParleyError("UNAUTHENTICATED", { detail: "send the operator's token as: Authorization: Bearer …" });
    }
    refuseForeignPage(request, publicHost);
    return payload;
  };
  const localOrOperator: Guard = async function (request, reply, payload) {
    if (servesThisMachineAlone && isFromThisMachine(request)) return payload;
    return operator.call(this, request, reply, payload);
  };
  return { public: undefined, operator, local_or_operator: localOrOperator, capability: undefined, adapter: undefined };
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

/** True for the names and addresses of this machine itself. */
export function isLoopbackHost(host: string): boolean {
  const plain = host.replace(/^\[|\]$/g, "").replace(/^::ffff:/i, "");
  return plain === "localhost" || plain === "::1" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(plain);
}
