import cookie from "@fastify/cookie";
import rateLimit from "@fastify/rate-limit";
import websocket from "@fastify/websocket";
import { type FastifyInstance, fastify } from "fastify";
import { serializerCompiler, validatorCompiler } from "fastify-type-provider-zod";
import type { Config } from "../config/config.ts";
import type { AccessOperations } from "../contracts/access-operations.ts";
import type { ApiTokenOperations } from "../contracts/api-token.ts";
import type { AuditOperations } from "../contracts/audit.ts";
import type { DialInPort } from "../contracts/dial-in.ts";
import { MAX_FRAME_BYTES } from "../contracts/dial-in-protocol.ts";
import type { Logger } from "../contracts/logger.ts";
import type { Operations } from "../contracts/operations.ts";
import type { RequestOperations } from "../contracts/request-operations.ts";
import type { ScheduleOperations } from "../contracts/schedule-operations.ts";
import { ParleyError } from "../errors/parley-error.ts";
import type { ToolDesk } from "../pipeline/tools/tool-desk.ts";
import { type A2aRouteContext, a2aRoutes } from "./a2a/routes.ts";
import { type AuthOptions, bearerToken, enforceAuthPolicies } from "./auth-policy.ts";
import { boundOpenBodies } from "./body-gate.ts";
import { answer, answerErrors } from "./error-answers.ts";
import { refuseForeignHosts } from "./host-policy.ts";
import { describeApi, serveApiDescription } from "./openapi.ts";
import type { OperatorAccess } from "./operator-access.ts";
import { servePage } from "./page.ts";
import type { PrometheusMetrics } from "./prometheus-metrics.ts";
import { createRateBuckets } from "./rate-buckets.ts";
import { watchRefusals } from "./refusals.ts";
import { accessRoutes } from "./routes/access-routes.ts";
import { agentRoutes } from "./routes/agent-routes.ts";
import { auditRoutes } from "./routes/audit-routes.ts";
import { connectRoute } from "./routes/connect-route.ts";
import { deadLetterRoutes } from "./routes/dead-letter-routes.ts";
import { type FileRouteContext, fileRoutes } from "./routes/file-routes.ts";
import { healthRoutes } from "./routes/health-routes.ts";
import { mcpRoutes } from "./routes/mcp-routes.ts";
import { messageRoutes } from "./routes/message-routes.ts";
import { replyRoutes } from "./routes/reply-routes.ts";
import { requestRoutes } from "./routes/request-routes.ts";
import { scheduleRoutes } from "./routes/schedule-routes.ts";
import { switchRoutes } from "./routes/switch-routes.ts";
import { systemRoutes } from "./routes/system-routes.ts";
import { type TaskNoticeContext, taskNoticeRoutes } from "./routes/task-notice-routes.ts";
import { tokenRoutes } from "./routes/token-routes.ts";
import { usageRoutes } from "./routes/usage-routes.ts";
import { addBareHeaders, addPageHeaders, BARE_HEADERS } from "./security-headers.ts";
import { createStatusReader } from "./status-reader.ts";
import { endUnreadBodies } from "./unread-bodies.ts";

export interface ServerOptions {
  readonly config: Pick<Config, "organizationId" | "web" | "limits" | "allowPrivateAgentAddresses">;
  /** Ids of all organizations, that of the deployment itself first. Default: it alone. */
  readonly organizations?: readonly string[];
  readonly operations: Operations;
  /** Verifying and exporting the audit log. Default: the routes of it are not there. */
  readonly audit?: AuditOperations;
  /** Access lists, roles, invitations and plans. Default: the routes of them are not there. */
  readonly access?: AccessOperations;
  /** What agents do without a message. Default: the routes of it are not there. */
  readonly schedules?: ScheduleOperations;
  /** Questions of agents to people. Default: the routes of it are not there. */
  readonly requests?: RequestOperations;
  /** The tools of running turns. Default: they are not reached by MCP. */
  readonly tools?: ToolDesk;
  readonly logger: Logger;
  readonly metrics: PrometheusMetrics;
  readonly auth: {
    readonly operator: OperatorAccess;
    readonly ownerSession?: NonNullable<AuthOptions["ownerSession"]>;
    readonly denied?: NonNullable<AuthOptions["denied"]>;
    /** Tokens of the API. Default: there are none. */
    readonly tokens?: ApiTokenOperations;
    /** Makes a sign-in link for the owner of an organization. Default: there is none to give. */
    readonly createSignInLink?: (organizationId: string) => Promise<string>;
  };
  /** The adapters' `mount` functions; each gets a scope of its own; cookies are parsed. */
  readonly mounts?: readonly ((server: FastifyInstance) => Promise<void>)[];
  /** Takes agents that dial in. Default: this process takes none, and says so. */
  readonly dialIn?: DialInPort;
  /** Fetches the file that a signed address stands for. Default: there are no such addresses. */
  readonly readFile?: FileRouteContext["readFile"];
  /** Agents and rooms as A2A agents. Default: they are not. */
  readonly a2a?: A2aRouteContext;
  /** Takes notifications of A2A agents. Default: none are taken. */
  readonly taskNotices?: TaskNoticeContext;
  /** Folder of the built page. */
  readonly pageFolder?: string;
  /** True until the platforms are connected for the first time; readiness then says so. Default: false. */
  readonly isStarting?: () => boolean;
  /** True once the process is stopping; readiness then says so. */
  readonly isDraining?: () => boolean;
}

/** Ids have up to 512 characters, and each may take three in an address. */
const MAX_PARAM_CHARS = 1_536;
const MAX_HEADER_BYTES = 16_384;
const CHECK_TIMEOUTS_EVERY_MS = 1_000;
const MINUTE_MS = 60_000;
/** What a socket is told of why it is closed gets this long to leave. */
const SOCKET_ERROR_GRACE_MS = 500;

/**
 * Guarantees a server whose every route declares who may call it, whose every answer carries the security headers and
 * whose every failure is `{ error: { code, message, detail } }`. It is ready to listen and does not listen yet.
 */
export async function createServer(options: ServerOptions): Promise<FastifyInstance> {
  const { config, logger } = options;
  const server = fastify({
    // Access logs would hold addresses, and some addresses hold secrets; what matters is counted and logged by the pipeline.
    logger: false,
    bodyLimit: config.limits.bodyBytes,
    requestTimeout: config.limits.requestTimeoutMs,
    http: {
      headersTimeout: config.limits.headersTimeoutMs,
      connectionsCheckingInterval: CHECK_TIMEOUTS_EVERY_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
    },
    routerOptions: { maxParamLength: MAX_PARAM_CHARS },
    trustProxy: config.web.trustedProxies.length > 0 ? config.web.trustedProxies : false,
    forceCloseConnections: "idle",
    frameworkErrors: (error, request, reply) =>
      void answer(error, request, reply.headers({ ...BARE_HEADERS, connection: "close" }), logger),
  });
  answerErrors(server, logger);
  watchRefusals(server, { logger, refused: (route, code) => options.metrics.requestRefused(route, code) });
  addBareHeaders(server, config.web.publicUrl);
  const buckets = createRateBuckets(options.auth.operator);
  const { operator, ownerSession, denied, tokens } = options.auth;
  enforceAuthPolicies(server, {
    operator,
    ...(ownerSession && { ownerSession }),
    ...(denied && { denied }),
    ...(tokens && { verifyToken: buckets.watch((token) => tokens.verify(token)) }),
    organizations: options.organizations ?? [config.organizationId],
    web: config.web,
  });
  endUnreadBodies(server);
  boundOpenBodies(server, {
    evicted: (route) => options.metrics.requestRefused(route, "RATE_EXCEEDED"),
  });
  await server.register(cookie);
  await server.register(rateLimit, {
    // The auth policies ask for it; what platforms call is bounded by their signatures and must never be turned away.
    global: false,
    max: config.limits.requestsPerMinute,
    timeWindow: MINUTE_MS,
    keyGenerator: (request) => buckets.keyOf(bearerToken(request), request.ip),
    errorResponseBuilder: (_request, { ttl }) => new ParleyError("RATE_EXCEEDED", { retryAfterMs: ttl }),
  });
  // One for all sockets: each registration of its own would answer every upgrade. Routes with smaller frames see to that themselves.
  await server.register(websocket, {
    options: { maxPayload: MAX_FRAME_BYTES, perMessageDeflate: false },
    // A client that broke the protocol or its line: nothing that an operator has to know.
    errorHandler: (_error, socket) => setTimeout(() => socket.terminate(), SOCKET_ERROR_GRACE_MS).unref(),
  });
  await describeApi(server);
  await registerMounts(server, options.mounts ?? []);
  await server.register(async (scope) => {
    await addPageHeaders(scope, config.web.publicUrl);
    refuseForeignHosts(scope, config.web);
    await registerHealth(scope, options);
    await registerApi(scope, options);
    if (options.a2a !== undefined) await scope.register(a2aRoutes, { ...options.a2a, prefix: "/a2a" });
    if (options.tools !== undefined) await scope.register(mcpRoutes, { desk: options.tools, web: config.web });
    await serveApiDescription(scope);
    await servePage(scope, options.pageFolder);
  });
  await server.ready();
  return server;
}

async function registerHealth(server: FastifyInstance, options: ServerOptions): Promise<void> {
  const readStatus = createStatusReader(options.operations);
  const isDraining = options.isDraining ?? (() => false);
  const isStarting = options.isStarting ?? (() => false);
  await server.register((scope) =>
    healthRoutes(scope, {
      readStatus,
      metrics: options.metrics,
      organizationId: options.config.organizationId,
      isStarting,
      isDraining,
    }),
  );
}

async function registerApi(server: FastifyInstance, options: ServerOptions): Promise<void> {
  const { allowPrivateAgentAddresses } = options.config;
  const context = { operations: options.operations };
  await server.register(
    async (scope) => {
      scope.setValidatorCompiler(validatorCompiler);
      scope.setSerializerCompiler(serializerCompiler);
      scope.addHook("onRequest", async (_request, reply) => {
        void reply.header("cache-control", "no-store");
      });
      await scope.register(agentRoutes, { ...context, allowPrivateAgentAddresses });
      await scope.register(connectRoute, {
        dialIn: options.dialIn,
        publicUrl: options.config.web.publicUrl,
        isDraining: options.isDraining ?? (() => false),
      });
      await scope.register(deadLetterRoutes, context);
      await scope.register(messageRoutes, context);
      if (options.audit !== undefined) await scope.register(auditRoutes, { audit: options.audit });
      if (options.access !== undefined) await scope.register(accessRoutes, { access: options.access });
      await scope.register(replyRoutes, context);
      if (options.taskNotices !== undefined) await scope.register(taskNoticeRoutes, options.taskNotices);
      if (options.auth.tokens !== undefined) await scope.register(tokenRoutes, { tokens: options.auth.tokens });
      await scope.register(switchRoutes, context);
      if (options.schedules !== undefined) await scope.register(scheduleRoutes, { schedules: options.schedules });
      if (options.requests !== undefined) await scope.register(requestRoutes, { requests: options.requests });
      await scope.register(usageRoutes, context);
      if (options.readFile !== undefined) await scope.register(fileRoutes, { readFile: options.readFile });
      await scope.register(systemRoutes, { ...context, createSignInLink: options.auth.createSignInLink });
    },
    { prefix: "/api" },
  );
}

async function registerMounts(server: FastifyInstance, mounts: NonNullable<ServerOptions["mounts"]>): Promise<void> {
  await server.register(async (scope) => {
    scope.authDefault = "adapter";
    for (const mount of mounts) {
      await scope.register(async (own) => {
        own.addHook("onRoute", (route) => {
          route.schema = { hide: true, ...route.schema };
        });
        await mount(own);
      });
    }
  });
}
