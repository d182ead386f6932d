import type { IncomingMessage, ServerResponse } from "node:http";
import type { Core } from "../core.ts";
import type { SocketMode } from "../events/socket-mode.ts";
import { type CallFault, CallFaults } from "../faults/call-faults.ts";
import type { Wire } from "../model/records.ts";
import type { LaneScope, RequestEntry } from "../oracle/request-log.ts";
import { agentMethods } from "./agents.ts";
import { ApiError } from "./api-error.ts";
import { accessMethods, checkAlive } from "./app-access.ts";
import { Arguments, parseArguments, readBody } from "./arguments.ts";
import type { BotCall, Handler, OpenCall } from "./call.ts";
import { chatMethods } from "./chat.ts";
import { conversationMethods } from "./conversations.ts";
import { fileMethods } from "./files.ts";
import { historyMethods } from "./history.ts";
import { peopleMethods } from "./people.ts";
import { RateLimits } from "./rate-limits.ts";
import { reactionMethods } from "./reactions.ts";
import { streamMethods } from "./streams.ts";
import { viewMethods } from "./views.ts";

/** One call on its way through faults, limits, authentication and its method. */
interface Pending {
  readonly method: string;
  readonly entry: RequestEntry;
  readonly response: ServerResponse;
  readonly args: Arguments;
  readonly token: string | undefined;
  readonly basicAuth: { user: string; password: string } | undefined;
}

/** The Web API: POST or GET /api/<method>. */
export class WebApi {
  readonly faults: CallFaults;
  limits: RateLimits | undefined;
  readonly #core: Core;
  readonly #handlers: ReadonlyMap<string, Handler>;

  constructor(core: Core, sockets: SocketMode) {
    this.#core = core;
    this.faults = new CallFaults(core.random);
    this.limits = core.options.rateLimits === false ? undefined : new RateLimits(core.options.rateLimits);
    this.#handlers = new Map(
      Object.entries({
        ...accessMethods(sockets),
        ...peopleMethods,
        ...chatMethods,
        ...streamMethods,
        ...agentMethods,
        ...conversationMethods,
        ...historyMethods,
        ...reactionMethods,
        ...fileMethods,
        ...viewMethods,
      }),
    );
  }

  async handle(method: string, query: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const entry = this.#core.requests.begin(method);
    let args: Arguments;
    try {
      const body = await readBody(request);
      args = new Arguments(parseArguments(request.headers["content-type"] ?? "", body, query));
    } catch (error) {
      if (error instanceof ApiError) this.#answer(response, entry, 200, refusal(error));
      else this.#core.requests.end(entry, undefined, "aborted");
      return;
    }
    const { authorization } = request.headers;
    const token = authorization?.startsWith("Bearer ") === true ? authorization.slice(7) : args.text("token");
    const pending: Pending = { method, entry, response, args, token, basicAuth: basicAuthOf(authorization) };
    const channel = args.text("channel") ?? args.text("channel_id");
    if (channel !== undefined) entry.channel = channel;
    const installation = token === undefined ? undefined : this.#core.world.installationByToken(token);
    if (installation !== undefined) {
      entry.team = installation.teamId;
      entry.appId = installation.appId;
      response.setHeader("x-oauth-scopes", installation.scopes.join(","));
    }
    this.#core.requests.checkPatience(entry);
    const fault = this.faults.pick({ method, channel, team: entry.team });
    if (fault !== undefined) this.#strike(fault, pending);
    else this.#serve(pending);
  }

  #serve(pending: Pending): void {
    const { entry, response } = pending;
    const limited = this.limits?.take(
      pending.method,
      `${entry.appId ?? pending.token ?? ""}|${entry.team ?? ""}`,
      entry.channel,
    );
    if (limited !== undefined) this.#limit(pending, limited.retryAfterSeconds, limited.scope);
    else this.#answer(response, entry, 200, this.#run(pending));
  }

  /** Runs the method: this is where its effect takes place. */
  #run(pending: Pending): Wire {
    const { method, entry, args, token, basicAuth } = pending;
    const core = this.#core;
    try {
      const handler = this.#handlers.get(method);
      if (handler === undefined) throw new ApiError("unknown_method", { req_method: method });
      const open: OpenCall = { core, method, requestId: entry.id, args, token, basicAuth };
      return {
        ok: true,
        ...(handler.auth === "open" ? handler.run(open) : handler.run(this.#authenticate(open, handler.scopes))),
      };
    } catch (error) {
      if (error instanceof ApiError) return refusal(error);
      throw error;
    }
  }

  #authenticate(call: OpenCall, scopes: readonly string[]): BotCall {
    const { core, token } = call;
    if (token === undefined || token === "") throw new ApiError("not_authed");
    const installation = core.world.installationByToken(token);
    if (installation === undefined) {
      throw new ApiError(core.world.appByToken(token) === undefined ? "invalid_auth" : "not_allowed_token_type");
    }
    checkAlive(installation);
    if (scopes.length > 0 && !scopes.some((scope) => installation.scopes.includes(scope))) {
      throw new ApiError("missing_scope", { needed: scopes.join(","), provided: installation.scopes.join(",") });
    }
    const app = core.world.need(core.world.apps, installation.appId);
    const team = core.world.need(core.world.teams, installation.teamId);
    return { core, method: call.method, requestId: call.requestId, args: call.args, app, installation, team };
  }

  #strike(fault: CallFault, pending: Pending): void {
    const { entry, response, method } = pending;
    entry.fault = fault.kind;
    const kill = (): void => {
      response.socket?.destroy();
      this.#core.requests.end(entry, undefined);
    };
    const status = fault.status ?? 503;
    const unavailable = (): void => this.#write(response, entry, status, "text/plain", "upstream unavailable");
    if (fault.kind === "rate_limited") {
      const scope = fault.scope ?? (method === "chat.postMessage" ? "channel" : "method");
      this.#limit(pending, fault.retryAfterSeconds ?? 1, scope);
    } else if (fault.kind === "status_before") unavailable();
    else if (fault.kind === "refused") {
      const body = JSON.stringify({ ok: false, error: fault.error ?? "fatal_error" });
      this.#write(response, entry, 200, "application/json; charset=utf-8", body);
    } else if (fault.kind === "reset_before") kill();
    else if (fault.kind === "slow") this.#core.later(fault.delayMs ?? 100, () => this.#serve(pending));
    else if (fault.kind === "late_effect") {
      kill();
      this.#core.later(fault.delayMs ?? 100, () => void this.#run(pending));
    } else if (fault.kind === "html") {
      if (fault.effect !== false) this.#run(pending);
      this.#write(response, entry, 200, "text/html; charset=utf-8", "<!DOCTYPE html><html><body>Slack</body></html>");
    } else if (fault.kind !== "hang_before") {
      const result = this.#run(pending);
      if (fault.kind === "lost_response") kill();
      else if (fault.kind === "status_after") unavailable();
      else if (fault.kind === "cut_response") cutShort(response, result, kill);
    }
    // hang_before and hang_after: the request stays unanswered until one side gives up.
  }

  #limit(pending: Pending, retryAfterSeconds: number, scope: LaneScope): void {
    const { entry, response } = pending;
    response.setHeader("Retry-After", String(retryAfterSeconds));
    this.#answer(response, entry, 429, { ok: false, error: "ratelimited" });
    this.#core.requests.limited(entry, scope, retryAfterSeconds);
  }

  #answer(response: ServerResponse, entry: RequestEntry, status: number, body: Wire): void {
    const { error } = body;
    this.#write(
      response,
      entry,
      status,
      "application/json; charset=utf-8",
      JSON.stringify(body),
      typeof error === "string" ? error : undefined,
    );
  }

  #write(
    response: ServerResponse,
    entry: RequestEntry,
    status: number,
    type: string,
    body: string,
    error?: string,
  ): void {
    this.#core.requests.end(entry, status, error);
    if (response.destroyed) return;
    response.writeHead(status, {
      "content-type": type,
      "content-length": Buffer.byteLength(body),
      "x-slack-req-id": `req-${entry.id}`,
    });
    response.end(body);
  }
}

function cutShort(response: ServerResponse, result: Wire, kill: () => void): void {
  const body = JSON.stringify(result);
  response.writeHead(200, {
    "content-type": "application/json; charset=utf-8",
    "content-length": Buffer.byteLength(body),
  });
  response.write(body.slice(0, Math.floor(body.length / 2)), () => setImmediate(kill));
}

function refusal(error: ApiError): Wire {
  return { ok: false, error: error.code, ...error.extra };
}

function basicAuthOf(authorization: string | undefined): { user: string; password: string } | undefined {
  if (authorization?.startsWith("Basic ") !== true) return undefined;
  const decoded = Buffer.from(authorization.slice(6), "base64").toString("utf8");
  const colon = decoded.indexOf(":");
  return { user: decodeURIComponent(decoded.slice(0, colon)), password: decodeURIComponent(decoded.slice(colon + 1)) };
}
