import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import { z } from "zod";
import { wireKey } from "../../envelope/ids.ts";
import { ParleyError } from "../../errors/parley-error.ts";
import { ErrorSchema } from "../view-schemas.ts";

export interface TaskNoticeContext {
  /** Takes over what an agent says it has for a deferred turn, by asking the agent itself; UNAUTHENTICATED for a token that is not the task's. */
  readonly collect: (notice: {
    readonly token: string;
    readonly taskId: string;
    readonly presented: string | undefined;
  }) => Promise<{ readonly turnId: string }>;
}

const MAX_TOKEN_CHARS = 512;
const MAX_TASK_CHARS = 1_024;
const MAX_BODY_BYTES = 12_582_912;

/** Where an A2A agent says that a task has come on. What it says there is not read: the task itself is asked for. */
export const taskNoticeRoutes: FastifyPluginAsyncZod<TaskNoticeContext> = async (server, { collect }) => {
  server.removeAllContentTypeParsers();
  server.addContentTypeParser("*", { bodyLimit: MAX_BODY_BYTES }, (_request, payload, done) => {
    let bytes = 0;
    // The limit above is for announced lengths alone.
    const count = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes <= MAX_BODY_BYTES) return;
      payload.off("data", count);
      done(new ParleyError("PAYLOAD_TOO_LARGE", { facts: { maxBytes: MAX_BODY_BYTES } }));
    };
    payload
      .on("data", count)
      .on("end", () => bytes <= MAX_BODY_BYTES && done(null, undefined))
      .on("error", done);
  });
  server.post(
    "/replies/:token/a2a/:taskId",
    {
      config: { auth: "capability" },
      bodyLimit: MAX_BODY_BYTES,
      schema: {
        tags: ["replies"],
        summary: "Say that the A2A task of a deferred turn has come on; the task is then asked for",
        params: z.object({ token: wireKey(MAX_TOKEN_CHARS), taskId: wireKey(MAX_TASK_CHARS) }),
        response: { 202: z.object({ turnId: z.string() }), 401: ErrorSchema, 502: ErrorSchema },
      },
    },
    async ({ params, headers }, reply) => {
      const header = headers["x-a2a-notification-token"];
      const bearer = /^Bearer +(\S+)$/i.exec(headers.authorization ?? "")?.[1];
      const presented = typeof header === "string" ? header : bearer;
      return reply.code(202).send(await collect({ ...params, presented }));
    },
  );
};
