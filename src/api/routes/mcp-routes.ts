import { createMcpHandler, Server } from "@modelcontextprotocol/server";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { z } from "zod";
import { ParleyError } from "../../errors/parley-error.ts";
import { isToolError } from "../../pipeline/tools/tool-answer.ts";
import type { OpenTools, ToolDesk } from "../../pipeline/tools/tool-desk.ts";
import { bearerToken } from "../auth-policy.ts";
import { isLoopbackHost } from "../loopback-host.ts";
import { answerByWebHandler } from "../web-exchange.ts";

export interface McpRouteContext {
  readonly desk: ToolDesk;
  readonly web: { readonly publicUrl?: string | undefined };
}

/** Room for a file of 8 MiB in base64 with what is around it. */
const MAX_BODY_BYTES = 12_582_912;

declare module "fastify" {
  interface FastifyRequest {
    /** The tools that the token of this request stands for; null on other routes. */
    openTools: OpenTools | null;
  }
}

/**
 * The tools of running turns by MCP (Streamable HTTP, both eras): each request carries the token of one turn, and sees that turn's tools alone.
 *
 * The token is judged by the ledger in every request, before its body is read; one that is wrong, has expired, or whose turn has ended is 401.
 */
export async function mcpRoutes(server: FastifyInstance, { desk, web }: McpRouteContext): Promise<void> {
  server.decorateRequest("openTools", null);
  server.removeAllContentTypeParsers();
  server.addContentTypeParser("*", { parseAs: "buffer", bodyLimit: MAX_BODY_BYTES }, (_request, body, done) =>
    done(null, body),
  );
  server.addHook("onRequest", async (request, reply) => {
    void reply.header("cache-control", "no-store");
    refuseForeignOrigin(request, web.publicUrl);
    const token = bearerToken(request);
    const tools = token === undefined || token === "" ? undefined : await desk.present(token);
    if (tools === undefined) {
      void reply.header("www-authenticate", 'Bearer realm="parley tools", error="invalid_token"');
      throw new ParleyError("UNAUTHENTICATED", {
        detail: "the token of tools is not valid: it is wrong, has expired, or its turn has ended",
      });
    }
    request.openTools = tools;
    request.signedIn = true;
  });
  server.route({
    method: ["GET", "POST", "DELETE"],
    url: "/mcp",
    bodyLimit: MAX_BODY_BYTES,
    // The hook above verifies each request itself.
    config: { auth: "adapter" },
    schema: { hide: true },
    handler: async (request, reply) => {
      const { openTools } = request;
      if (openTools === null) throw new ParleyError("INVARIANT_BROKEN", { detail: "a request without its tools" });
      const handler = createMcpHandler(() => serverOf(openTools), { maxRequestBodySize: MAX_BODY_BYTES });
      reply.raw.once("close", () => void handler.close());
      return await answerByWebHandler(request, reply, (web) => handler.fetch(web));
    },
  });
}

function serverOf(open: OpenTools): Server {
  const server = new Server({ name: "parley", version: "1" }, { capabilities: { tools: {} } });
  server.setRequestHandler("tools/list", () => ({
    tools: open.tools.map(({ name, description, input, effect }) => ({
      name,
      description,
      inputSchema: schemaOf(input),
      annotations: { readOnlyHint: effect !== "write", destructiveHint: false, openWorldHint: effect === "write" },
    })),
  }));
  server.setRequestHandler("tools/call", async ({ params }, { mcpReq }) => {
    const result = await open.call(params.name, params.arguments ?? {}, mcpReq.signal);
    const isError = isToolError(result);
    const text = isError ? result.error : JSON.stringify(result);
    return { content: [{ type: "text" as const, text }], isError };
  });
  return server;
}

function schemaOf(input: z.ZodType): { type: "object"; [key: string]: unknown } {
  const { $schema: _version, ...schema } = z.toJSONSchema(input, { io: "input", unrepresentable: "any" });
  return { ...schema, type: "object" };
}

/** A page of another site has no business here, whatever token it holds. */
function refuseForeignOrigin(request: FastifyRequest, publicUrl: string | undefined): void {
  const { origin } = request.headers;
  if (origin === undefined) return;
  const host = URL.canParse(origin) ? new URL(origin).hostname : undefined;
  const own = publicUrl === undefined ? undefined : new URL(publicUrl).hostname;
  if (host !== undefined && (host === own || isLoopbackHost(host))) return;
  throw new ParleyError("PERMISSION_DENIED", { detail: "the request comes from a page of another site" });
}
