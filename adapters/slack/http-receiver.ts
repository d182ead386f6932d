import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { ParleyError, toParleyError } from "../../src/errors/parley-error.ts";
import { readBody } from "../shared/read-body.ts";
import type { Ingress } from "./ingress.ts";
import { asRecord, type Raw } from "./raw.ts";
import { readSignedHead, verifyBody } from "./verify.ts";

/** Largest body Slack may send, in bytes; real ones stay below 100 KB. */
export const MAX_BODY_BYTES = 1024 * 1024;
/** Longest time a body may take to arrive, in ms. */
const BODY_TIMEOUT_MS = 5_000;
const EVENTS_PATH = "/events";

export interface HttpReceiverOptions {
  readonly signingSecret: string;
  /** Default `/slack`. */
  readonly basePath?: string;
  /** Undefined while the adapter is not running: then nothing can be stored, and Slack has to come again. */
  readonly ingress: () => Ingress | undefined;
  readonly nowMs?: () => number;
}

/**
 * Registers `POST /slack/events` (or below another base path), which takes events, slash commands and interactions.
 *
 * Headers are checked before the body is read, the signature before it is parsed, and the answer goes out after the event is
 * committed: 200 stored or of no interest, 401 not from Slack, 413 over 1 MiB, 503 not stored, come again.
 */
export async function mountHttpReceiver(server: FastifyInstance, options: HttpReceiverOptions): Promise<void> {
  const nowMs = options.nowMs ?? Date.now;
  await server.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    // The body stays a stream until the headers have been found good.
    scope.addContentTypeParser("*", (_request, _payload, done) => done(null));
    scope.setErrorHandler((error, _request, reply) => refuse(reply, error));
    scope.route({
      method: "POST",
      url: (options.basePath ?? "/slack") + EVENTS_PATH,
      logLevel: "error",
      // Slack sends bursts from a few addresses; the signature is the gate here.
      config: { rateLimit: false },
      schema: { hide: true },
      handler: async (request, reply) => {
        const head = readSignedHead(
          header(request, "x-slack-request-timestamp"),
          header(request, "x-slack-signature"),
          nowMs(),
        );
        const body = await readBody(request.raw, { maxBytes: MAX_BODY_BYTES, timeoutMs: BODY_TIMEOUT_MS });
        verifyBody(head, body, options.signingSecret);
        const ingress = options.ingress();
        if (ingress === undefined)
          throw new ParleyError("LEDGER_UNAVAILABLE", { detail: "the Slack adapter is not running" });
        return reply.code(200).send(await take(ingress, body, request.headers["content-type"] ?? ""));
      },
    });
  });
}

/** Resolves with the text of the answer, which is empty unless Slack asks for a challenge back. */
async function take(ingress: Ingress, body: Buffer, contentType: string): Promise<string> {
  const text = body.toString("utf8");
  const raw = (): string => text;
  if (contentType.startsWith("application/x-www-form-urlencoded")) {
    const form = new URLSearchParams(text);
    if (form.get("ssl_check") === "1") return "";
    const packed = form.get("payload");
    if (packed === null) {
      await ingress.command(Object.fromEntries(form), raw);
      return "";
    }
    const payload = parseObject(packed);
    if (payload === undefined) await ingress.malformed("interaction that is no JSON object", raw);
    else await ingress.interaction(payload, raw);
    return "";
  }
  const payload = parseObject(text);
  if (payload === undefined) await ingress.malformed("body that is no JSON object", raw);
  else if (payload["type"] === "url_verification")
    return typeof payload["challenge"] === "string" ? payload["challenge"] : "";
  else await ingress.event(payload, raw);
  return "";
}

function parseObject(text: string): Raw | undefined {
  try {
    return asRecord(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function header(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? undefined : value;
}

function refuse(reply: FastifyReply, thrown: unknown): FastifyReply {
  const error = toParleyError(thrown);
  // Whatever went wrong inside, the event is not stored: Slack has to come again.
  const status = error.row.fault === "request" ? error.row.status : 503;
  // What was not read of the body is not worth reading; the connection ends with the answer.
  if (!reply.request.raw.complete) reply.header("connection", "close");
  return reply.code(status).send({ error: { code: error.code } });
}
