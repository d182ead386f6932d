import { Readable } from "node:stream";
import { isLegacyJsonRpcMethod } from "@a2a-js/sdk/compat/v0_3";
import { LegacyJsonRpcTransportHandler } from "@a2a-js/sdk/compat/v0_3/server";
import { A2A_ERROR_CODE } from "@a2a-js/sdk/errors";
import { JsonRpcTransportHandler, ServerCallContext } from "@a2a-js/sdk/server";
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import type { OutsideAddress, OutsideCaller, OutsideTarget, OutsideTasks } from "../../contracts/outside-tasks.ts";
import { wireKey } from "../../envelope/ids.ts";
import { ParleyError } from "../../errors/parley-error.ts";
import { callerOf } from "../caller.ts";
import { needs } from "../routes/route-context.ts";
import { cardOf, cardUrlOf, oldCardOf } from "./card.ts";
import { createRequestHandler } from "./request-handler.ts";
import { answerRpcError } from "./rpc-errors.ts";

export interface A2aRouteContext {
  readonly tasks: OutsideTasks;
  /** Where clients reach this server, without a slash at its end. */
  readonly baseUrl: () => string;
  readonly checkPushUrl: (url: string) => void;
  readonly newId: () => string;
  /** Told of a caller that no person stands behind; resolves once that is in the audit log. */
  readonly denied: (organizationId: string, by: string) => Promise<void>;
}

/** A message with its files in base64. */
const MAX_BODY_BYTES = 12_582_912;
const MAX_NAME_CHARS = 128;
/** Calls of one token that wait or stream at once. */
const MAX_OPEN_CALLS = 32;
const KEEP_ALIVE_MS = 15_000;
/** What `A2A-Version` may say: nothing means 0.3 (A2A 1.0, section 3.6.2); a method of 0.3 tells itself. */
const VERSIONS = /^(?:|0\.3(?:\.\d+)?|1(?:\.0(?:\.\d+)?)?)$/;

const AgentParams = z.object({ handle: wireKey(MAX_NAME_CHARS) });
/** What the SDK answers with -32602 where JSON-RPC says -32600 is looked at before it. */
const RpcRequest = z.looseObject({
  jsonrpc: z.literal("2.0"),
  method: z.string().min(1),
  id: z.union([z.string(), z.int(), z.null()]).optional(),
});
const RoomParams = z.object({ name: wireKey(MAX_NAME_CHARS) });

/** Agents and rooms as A2A agents, for tokens with the scope `talk`: a directory of cards, each card, and the JSON-RPC binding of 1.0 and 0.3. */
export const a2aRoutes: FastifyPluginAsync<A2aRouteContext> = async (server, context) => {
  const { tasks } = context;
  const open = new Map<string, number>();
  const running = new Set<AbortController>();
  // A stream would hold the server open; its client subscribes again, here or at another process.
  server.addHook("preClose", async () => {
    for (const call of running) call.abort();
  });
  server.setErrorHandler(answerRpcError);
  const TALK = needs("talk");
  const hidden = { hide: true };

  async function talker(request: FastifyRequest): Promise<OutsideCaller> {
    const { id, organizationId, personId } = callerOf(request);
    if (personId === undefined || !id.startsWith("token:")) {
      await context.denied(organizationId, id);
      throw new ParleyError("PERMISSION_DENIED", {
        detail:
          "talk with a token of the API that stands for a person: parley tokens add <name> --scope talk --as <person>",
      });
    }
    return { organizationId, personId, tokenId: id.slice("token:".length), since: new Date() };
  }

  server.get("/", { ...TALK, schema: hidden }, async (request) => {
    const targets = await tasks.targets(await talker(request));
    return {
      cards: targets.map((target) => ({
        url: cardUrlOf(target, context.baseUrl()),
        card: cardOf(target, context.baseUrl()),
      })),
    };
  });

  for (const { path, addressOf } of [
    { path: "/agents/:handle", addressOf: (params: unknown) => ({ agent: AgentParams.parse(params).handle }) },
    { path: "/rooms/:name", addressOf: (params: unknown) => ({ room: RoomParams.parse(params).name }) },
  ]) {
    server.get(`${path}/.well-known/agent-card.json`, { ...TALK, schema: hidden }, async (request, reply) => {
      const target = await tasks.target(await talker(request), addressOf(request.params));
      void reply.header("vary", "A2A-Version");
      const isNew = request.headers["a2a-version"]?.toString().startsWith("1") === true;
      return (isNew ? cardOf : oldCardOf)(target, context.baseUrl());
    });
    server.post(path, { ...TALK, bodyLimit: MAX_BODY_BYTES, schema: hidden }, async (request, reply) => {
      const caller = await talker(request);
      const address = addressOf(request.params);
      return await answer(request, reply, { caller, address, target: await tasks.target(caller, address) });
    });
  }

  async function answer(
    request: FastifyRequest,
    reply: FastifyReply,
    { caller, address, target }: { caller: OutsideCaller; address: OutsideAddress; target: OutsideTarget },
  ): Promise<FastifyReply> {
    const body = RpcRequest.safeParse(request.body);
    if (!body.success)
      throw new ParleyError("REQUEST_INVALID", { detail: "the body is no single request of JSON-RPC 2.0" });
    const given = body.data;
    const count = open.get(caller.tokenId) ?? 0;
    if (count >= MAX_OPEN_CALLS) throw new ParleyError("RATE_EXCEEDED", { retryAfterMs: 1_000 });
    open.set(caller.tokenId, count + 1);
    const gone = new AbortController();
    running.add(gone);
    let isCounted = true;
    const settle = (): void => {
      gone.abort();
      running.delete(gone);
      if (!isCounted) return;
      isCounted = false;
      const left = (open.get(caller.tokenId) ?? 1) - 1;
      if (left === 0) open.delete(caller.tokenId);
      else open.set(caller.tokenId, left);
    };
    reply.raw.once("close", settle);
    const asked = request.headers["a2a-version"]?.toString().trim() ?? "";
    if (!VERSIONS.test(asked)) return await reply.code(400).send(unknownVersion(given.id, asked));
    const { checkPushUrl, newId } = context;
    const card = cardOf(target, context.baseUrl());
    const of = { tasks, caller, address, target, card };
    const handler = createRequestHandler({ ...of, signal: gone.signal, checkPushUrl, newId });
    const isOld = isLegacyJsonRpcMethod(given.method);
    const call = new ServerCallContext({ requestedVersion: isOld ? "0.3" : "1.0" });
    const transport = isOld ? new LegacyJsonRpcTransportHandler(handler) : new JsonRpcTransportHandler(handler);
    const result = await transport.handle(given, call);
    if (!(Symbol.asyncIterator in result)) return await reply.type("application/json").send(result);
    const failure = (error: unknown): unknown =>
      isOld
        ? LegacyJsonRpcTransportHandler.mapToLegacyJSONRPCError(error)
        : JsonRpcTransportHandler.mapToJSONRPCError(error);
    const stream = Readable.from(eventStream(result, given.id, failure));
    return await reply
      .header("content-type", "text/event-stream")
      .header("cache-control", "no-store")
      .header("x-accel-buffering", "no")
      .send(stream);
  }
};

function unknownVersion(id: unknown, asked: string): object {
  const message = `version ${asked.slice(0, 16)} of A2A is not spoken here; 1.0 and 0.3 are`;
  return { jsonrpc: "2.0", id: id ?? null, error: { code: A2A_ERROR_CODE.VERSION_NOT_SUPPORTED, message } };
}

/** Events as the wire has them; a failure is the last one, and silence is broken by comments, so that proxies keep the connection. */
async function* eventStream(
  events: AsyncGenerator<unknown>,
  id: unknown,
  failure: (error: unknown) => unknown,
): AsyncGenerator<string> {
  try {
    let next = events.next();
    for (;;) {
      let timer: NodeJS.Timeout | undefined;
      const silence = new Promise<"silence">((resolve) => {
        timer = setTimeout(() => resolve("silence"), KEEP_ALIVE_MS);
      });
      const step = await Promise.race([next, silence]);
      clearTimeout(timer);
      if (step === "silence") {
        yield ": still here\n\n";
        continue;
      }
      if (step.done === true) return;
      yield `data: ${JSON.stringify(step.value)}\n\n`;
      next = events.next();
    }
  } catch (error) {
    yield `data: ${JSON.stringify({ jsonrpc: "2.0", id: id ?? null, error: failure(error) })}\n\n`;
  } finally {
    void events.return(undefined).catch(() => undefined);
  }
}
