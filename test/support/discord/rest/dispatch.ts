import type { IncomingMessage, ServerResponse } from "node:http";
import type { Core } from "../core.ts";
import { type CallFault, CallFaults } from "../faults/call-faults.ts";
import type { Gateway } from "../gateway/gateway.ts";
import type { LimitScope, RequestEntry } from "../oracle/request-log.ts";
import { ApiError, notFound, unauthorized } from "./api-error.ts";
import { asObject, parseBody, type RequestBody, readBody } from "./body.ts";
import { Answer, type Call } from "./call.ts";
import { channelRoutes } from "./channels.ts";
import { commandRoutes } from "./commands.ts";
import { FollowUps } from "./follow-ups.ts";
import { guildRoutes } from "./guilds.ts";
import { identityRoutes } from "./identity.ts";
import { interactionRoutes } from "./interactions.ts";
import { MessageRoutes } from "./messages.ts";
import { bucketOf, RateLimits } from "./rate-limits.ts";
import { reactionRoutes } from "./reactions.ts";
import { type Match, Router } from "./router.ts";
import { threadRoutes } from "./threads.ts";
import { webhookRoutes } from "./webhooks.ts";

/** Answers of 401, 403 and 429 in 10 min before Cloudflare bans the address. */
const BAN_AT = 10_000;

/** One call on its way through faults, limits, authentication and its route. */
interface Pending {
  readonly match: Match | undefined;
  readonly entry: RequestEntry;
  readonly response: ServerResponse;
  readonly query: URLSearchParams;
  readonly body: RequestBody | ApiError;
  readonly token: string | undefined;
  readonly reason: string | undefined;
}

/** What is answered in the end. */
interface Outcome {
  readonly status: number;
  readonly body: unknown;
}

/** REST API v10. */
export class RestApi {
  readonly faults: CallFaults;
  limits: RateLimits | undefined;
  readonly #core: Core;
  readonly #router: Router;

  constructor(core: Core, gateway: Gateway) {
    this.#core = core;
    this.faults = new CallFaults(core.random);
    this.limits = core.options.rateLimits === false ? undefined : new RateLimits(core.options.rateLimits.fraction);
    this.#router = new Router({
      ...identityRoutes(gateway),
      ...new MessageRoutes().routes(),
      ...reactionRoutes,
      ...channelRoutes,
      ...threadRoutes,
      ...guildRoutes,
      ...webhookRoutes(new FollowUps()),
      ...interactionRoutes,
      ...commandRoutes,
    });
  }

  /** `path` is what follows the version, with its leading slash. */
  async handle(path: string, query: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const method = request.method ?? "GET";
    const entry = this.#core.requests.begin(method, path);
    let body: RequestBody | ApiError;
    try {
      body = await parseBody(request.headers["content-type"] ?? "", await readBody(request));
    } catch (error) {
      if (!(error instanceof ApiError)) return this.#core.requests.end(entry, undefined);
      body = error;
    }
    const { authorization } = request.headers;
    const reason = request.headers["x-audit-log-reason"];
    const pending: Pending = {
      match: this.#router.find(method, path),
      entry,
      response,
      query: new URLSearchParams(query),
      body,
      token: authorization?.startsWith("Bot ") === true ? authorization.slice(4) : undefined,
      reason: typeof reason === "string" ? decodeURIComponent(reason) : undefined,
    };
    this.#place(pending);
    const isExempt = path.startsWith("/interactions/");
    this.#core.requests.checkPatience(entry, isExempt);
    if (this.#core.requests.invalidRequests() >= BAN_AT)
      return this.#write(
        pending,
        403,
        "text/html; charset=UTF-8",
        "<html><body>Access denied | Cloudflare</body></html>",
      );
    const fault = this.faults.pick({
      route: `${method} ${entry.route}`,
      channel: entry.channel,
      guild: pending.match?.params["guild"],
      applicationId: entry.applicationId,
    });
    if (fault !== undefined) await this.#strike(fault, pending, isExempt);
    else await this.#serve(pending, isExempt);
  }

  /** Says in the log which route, bucket, channel and app it is. */
  #place({ match, entry, query, token }: Pending): void {
    if (match === undefined) return;
    const { params } = match;
    entry.route = match.name.split(" ")[1] ?? "";
    const webhook = params["webhook"];
    const major =
      params["channel"] ?? params["guild"] ?? (webhook === undefined ? "" : `${webhook}/${params["token"] ?? ""}`);
    entry.bucket = bucketOf(match.name, major);
    const channel =
      params["channel"] ??
      query.get("thread_id") ??
      this.#core.world.webhooks.get(webhook ?? "")?.channelId ??
      this.#interactionChannel(params["token"]);
    if (channel !== undefined) entry.channel = channel;
    const application = token === undefined ? undefined : this.#core.world.applicationByToken(token);
    const applicationId = application?.id ?? this.#core.world.webhooks.get(webhook ?? "")?.applicationId;
    if (typeof applicationId === "string") entry.applicationId = applicationId;
  }

  #interactionChannel(token: string | undefined): string | undefined {
    if (token === undefined) return undefined;
    return [...this.#core.world.interactions.values()].find((one) => one.token === token)?.channelId;
  }

  async #serve(pending: Pending, isExempt: boolean): Promise<void> {
    const { match, entry, response } = pending;
    const major = entry.bucket?.split("|")[1] ?? "";
    const who = entry.applicationId ?? "";
    const standing = match === undefined ? undefined : this.limits?.take(match.name, major, who, isExempt);
    if (standing !== undefined) {
      response.setHeader("x-ratelimit-bucket", standing.bucket);
      response.setHeader("x-ratelimit-limit", standing.limit);
      response.setHeader("x-ratelimit-remaining", standing.remaining);
      response.setHeader("x-ratelimit-reset", ((Date.now() + standing.resetAfterMs) / 1000).toFixed(3));
      response.setHeader("x-ratelimit-reset-after", (standing.resetAfterMs / 1000).toFixed(3));
      if (standing.exceeded !== undefined) return this.#limit(pending, standing.resetAfterMs, standing.exceeded);
    }
    this.#answer(pending, await this.#run(pending));
  }

  /** Runs the route: this is where its effect takes place. */
  async #run(pending: Pending): Promise<Outcome> {
    const { match, entry, query, body, token, reason } = pending;
    try {
      if (match === undefined) throw notFound();
      const application = token === undefined ? undefined : this.#core.world.applicationByToken(token);
      if (!match.handler.open && application === undefined) throw unauthorized();
      if (body instanceof ApiError) throw body;
      const { json, files } = body;
      const call: Call = {
        core: this.#core,
        requestId: entry.id,
        params: match.params,
        query,
        body: Array.isArray(json) ? {} : asObject(json),
        json,
        files,
        application,
        reason,
      };
      const result = await match.handler.run(call);
      return result instanceof Answer ? result : { status: 200, body: result };
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      entry.code = error.code;
      return { status: error.status, body: error.body() };
    }
  }

  async #strike(fault: CallFault, pending: Pending, isExempt: boolean): Promise<void> {
    const { entry, response } = pending;
    entry.fault = fault.kind;
    const kill = (): void => {
      response.socket?.destroy();
      this.#core.requests.end(entry, undefined);
    };
    const status = fault.status ?? 503;
    const unavailable = (): void => this.#write(pending, status, "text/plain", "upstream connect error");
    if (fault.kind === "rate_limited") this.#limit(pending, fault.retryAfterMs ?? 1_000, fault.scope ?? "user");
    else if (fault.kind === "refusal") {
      entry.code = fault.code ?? 0;
      this.#answer(pending, { status: fault.status ?? 400, body: { message: "Refused", code: fault.code ?? 0 } });
    } else if (fault.kind === "status_before") unavailable();
    else if (fault.kind === "reset_before") kill();
    else if (fault.kind === "slow") this.#core.later(fault.delayMs ?? 100, () => void this.#serve(pending, isExempt));
    else if (fault.kind === "late_effect") {
      kill();
      this.#core.later(fault.delayMs ?? 100, () => void this.#run(pending));
    } else if (fault.kind === "html") {
      if (fault.effect !== false) await this.#run(pending);
      this.#write(pending, 200, "text/html; charset=utf-8", "<!DOCTYPE html><html><body>Discord</body></html>");
    } else if (fault.kind !== "hang_before") {
      const outcome = await this.#run(pending);
      if (fault.kind === "lost_response") kill();
      else if (fault.kind === "status_after") unavailable();
      else if (fault.kind === "cut_response") cutShort(response, outcome, kill);
    }
    // hang_before and hang_after: the request stays unanswered until one side gives up.
  }

  #limit(pending: Pending, retryAfterMs: number, scope: LimitScope): void {
    const { entry, response } = pending;
    response.setHeader("retry-after", Math.ceil(retryAfterMs / 1000));
    response.setHeader("x-ratelimit-scope", scope);
    if (scope === "global") response.setHeader("x-ratelimit-global", "true");
    else if (!response.hasHeader("x-ratelimit-bucket")) {
      response.setHeader(
        "x-ratelimit-bucket",
        Buffer.from(entry.bucket ?? "")
          .toString("hex")
          .slice(0, 32),
      );
      response.setHeader("x-ratelimit-limit", 5);
      response.setHeader("x-ratelimit-remaining", 0);
      response.setHeader("x-ratelimit-reset", ((Date.now() + retryAfterMs) / 1000).toFixed(3));
      response.setHeader("x-ratelimit-reset-after", (retryAfterMs / 1000).toFixed(3));
    }
    const body = {
      message: "You are being rate limited.",
      retry_after: retryAfterMs / 1000,
      global: scope === "global",
    };
    this.#write(pending, 429, "application/json", JSON.stringify(body), scope);
    this.#core.requests.limited(entry, scope, retryAfterMs);
  }

  #answer(pending: Pending, { status, body }: Outcome): void {
    if (status === 204) this.#write(pending, 204, undefined, "");
    else this.#write(pending, status, "application/json", JSON.stringify(body ?? null));
  }

  #write(pending: Pending, status: number, type: string | undefined, body: string, scope?: LimitScope): void {
    const { entry, response } = pending;
    this.#core.requests.end(entry, status, scope);
    if (response.destroyed) return;
    response.writeHead(status, {
      via: "1.1 google",
      ...(type === undefined ? {} : { "content-type": type, "content-length": Buffer.byteLength(body) }),
    });
    response.end(body);
  }
}

function cutShort(response: ServerResponse, outcome: Outcome, kill: () => void): void {
  const body = JSON.stringify(outcome.body ?? null);
  response.writeHead(outcome.status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
  });
  response.write(body.slice(0, Math.floor(body.length / 2)), () => setImmediate(kill));
}
