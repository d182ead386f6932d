import { createHash, timingSafeEqual } from "node:crypto";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { ParleyError, toParleyError } from "../../src/errors/parley-error.ts";
import { readBody } from "../shared/read-body.ts";
import type { AppService } from "./app-service.ts";
import { asRecord, type Raw } from "./raw.ts";

/** Largest transaction that is taken, in bytes: a hundred events of 64 KiB and what surrounds them. */
export const MAX_BODY_BYTES = 8 * 1024 * 1024;
/** Longest time a body may take to arrive, in ms. */
const BODY_TIMEOUT_MS = 15_000;
const BASE = "/_matrix/app/v1";

declare module "fastify" {
  interface FastifyRequest {
    /** As the server understands it: what a known homeserver sends may take its time. */
    signedIn?: boolean;
  }
}

export interface ReceiverOptions {
  /** The running application service with that token; undefined when there is none. */
  readonly find: (isToken: (token: string) => boolean) => AppService | undefined;
  /** False while not all services are ready: an unknown token may be one of theirs, so the homeserver has to come again. */
  readonly ready: () => boolean;
}

/**
 * Registers what a homeserver calls on an application service: transactions, questions for users and rooms, and a ping.
 *
 * The token is checked before the body is read, in constant time; a transaction is answered after all of its events are
 * committed. 403 not our homeserver, 413 over 8 MiB, 503 not stored, come again.
 * https://spec.matrix.org/v1.19/application-service-api/
 */
export async function mountTransactions(server: FastifyInstance, options: ReceiverOptions): Promise<void> {
  await server.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    // The body stays a stream until the token has been found good.
    scope.addContentTypeParser("*", (_request, _payload, done) => done(null));
    scope.setErrorHandler((error, _request, reply) => refuse(reply, error));
    scope.addHook("onRequest", async (request) => {
      admitted(request, options);
      request.signedIn = true;
    });
    const quiet = { logLevel: "error", config: { rateLimit: false }, schema: { hide: true } } as const;
    scope.put<{ Params: { txnId: string } }>(`${BASE}/transactions/:txnId`, quiet, async (request, reply) => {
      const service = admitted(request, options);
      reply.raw.once("close", () => {
        if (!reply.raw.writableFinished) service.hungUp();
      });
      const body = await readBody(request.raw, { maxBytes: MAX_BODY_BYTES, timeoutMs: BODY_TIMEOUT_MS });
      await service.transaction(request.params.txnId, parseObject(body), () => body.toString("utf8"));
      return {};
    });
    scope.get<{ Params: { userId: string } }>(`${BASE}/users/:userId`, quiet, async (request) => {
      if (await admitted(request, options).hasUser(request.params.userId)) return {};
      throw new ParleyError("NOT_FOUND", { detail: "no agent has that account" });
    });
    scope.get(`${BASE}/rooms/:alias`, quiet, async (request) => {
      admitted(request, options);
      throw new ParleyError("NOT_FOUND", { detail: "no room aliases are served" });
    });
    scope.post(`${BASE}/ping`, quiet, async (request) => {
      admitted(request, options);
      await readBody(request.raw, { maxBytes: MAX_BODY_BYTES, timeoutMs: BODY_TIMEOUT_MS });
      return {};
    });
  });
}

/** The service that the request's token belongs to. Throws SIGNATURE_MISSING, SIGNATURE_INVALID, LEDGER_UNAVAILABLE. */
function admitted(request: FastifyRequest, options: ReceiverOptions): AppService {
  const token = tokenOf(request);
  if (token === undefined) throw new ParleyError("SIGNATURE_MISSING");
  const given = digest(token);
  const service = options.find((expected) => timingSafeEqual(digest(expected), given));
  if (service !== undefined) return service;
  if (!options.ready()) throw new ParleyError("LEDGER_UNAVAILABLE", { detail: "the Matrix adapter is not ready" });
  throw new ParleyError("SIGNATURE_INVALID");
}

/** Homeservers before Matrix 1.4 send it in the address alone. */
function tokenOf(request: FastifyRequest): string | undefined {
  const header = /^Bearer (\S+)$/u.exec(request.headers.authorization ?? "")?.[1];
  const query = asRecord(request.query)?.["access_token"];
  return header ?? (typeof query === "string" && query !== "" ? query : undefined);
}

/** Tokens differ in length; what is compared does not. */
function digest(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}

function parseObject(body: Buffer): Raw | undefined {
  try {
    return asRecord(JSON.parse(body.toString("utf8")));
  } catch {
    return undefined;
  }
}

/** In the words of Matrix: a code and a sentence. */
function refuse(reply: FastifyReply, thrown: unknown): FastifyReply {
  const error = toParleyError(thrown);
  if (!reply.request.raw.complete) reply.header("connection", "close");
  const answer = (status: number, errcode: string) => reply.code(status).send({ errcode, error: error.row.userText });
  switch (error.code) {
    case "SIGNATURE_MISSING":
      return answer(401, "M_MISSING_TOKEN");
    case "SIGNATURE_INVALID":
      return answer(403, "M_FORBIDDEN");
    case "PAYLOAD_TOO_LARGE":
      return answer(413, "M_TOO_LARGE");
    case "NOT_FOUND":
      return answer(404, "M_NOT_FOUND");
    case "PAYLOAD_MALFORMED":
      return answer(400, "M_NOT_JSON");
    default:
      // Whatever went wrong inside, the events are not stored: the homeserver has to come again.
      return answer(503, "M_UNKNOWN");
  }
}
