import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import { z } from "zod";
import type { TurnFile } from "../../contracts/connector.ts";
import { wireKey } from "../../envelope/ids.ts";

const MAX_TOKEN_CHARS = 1_500;

export interface FileRouteContext {
  readonly readFile: (token: string, signal: AbortSignal) => Promise<TurnFile>;
}

/** Where an agent fetches a file of its turn; the token in the address is single-use and bound to one file and one turn. */
export const fileRoutes: FastifyPluginAsyncZod<FileRouteContext> = async (server, { readFile }) => {
  server.get(
    "/files/:token",
    {
      config: { auth: "capability" },
      schema: {
        tags: ["agents"],
        summary: "The bytes of a file, for the agent whose turn it is",
        security: [],
        params: z.object({ token: wireKey(MAX_TOKEN_CHARS) }),
      },
    },
    async (request, reply) => {
      const gone = new AbortController();
      request.raw.once("close", () => gone.abort());
      const { bytes, mediaType, name } = await readFile(request.params.token, gone.signal);
      return reply
        .header("content-disposition", `attachment; filename*=UTF-8''${encodeURIComponent(name)}`)
        .type(/^[\w.+-]+\/[\w.+-]+$/.test(mediaType) ? mediaType : "application/octet-stream")
        .send(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    },
  );
};
