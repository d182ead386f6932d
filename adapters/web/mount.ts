import type { FastifyError, FastifyInstance } from "fastify";
import { ParleyError } from "../../src/errors/parley-error.ts";
import type { WebContext } from "./context.ts";
import { answerFailure } from "./failures.ts";
import { addGuard } from "./guard.ts";
import { WEB_API_PREFIX } from "./protocol.ts";
import { addAccessRoutes } from "./routes/access-routes.ts";
import { addExplainRoute } from "./routes/explain-route.ts";
import { addInvitationRoutes } from "./routes/invitation-routes.ts";
import { addOidcRoutes } from "./routes/oidc-routes.ts";
import { addPostRoutes } from "./routes/post-routes.ts";
import { addRoomRoutes } from "./routes/room-routes.ts";
import { addSocketRoute } from "./routes/socket-route.ts";
import { addUploadRoutes } from "./routes/upload-routes.ts";
import { prepareScope, withZod } from "./server-plugins.ts";

/** Registers the web room's routes below its prefix, in a scope of their own: nothing of it changes other routes. */
export async function mountWebRoom(server: FastifyInstance, context: WebContext): Promise<void> {
  await server.register(
    async (scope) => {
      scope.setErrorHandler<FastifyError | ParleyError>((error, request, reply) =>
        answerFailure(error, request, reply, context.sink()?.logger),
      );
      scope.addHook("onSend", async (_request, reply) => {
        if (!reply.hasHeader("cache-control")) reply.header("cache-control", "no-store");
        reply.header("x-content-type-options", "nosniff");
        reply.header("referrer-policy", "no-referrer");
      });
      await prepareScope(scope, {
        maxUploadBytes: context.config.maxUploadBytes,
        requestsPerMinute: context.config.requestsPerMinute,
        keyOf: (request) => request.webSession?.personId ?? `address:${request.ip}`,
      });
      const prepared = withZod(scope);
      addGuard(prepared, context);
      scope.setNotFoundHandler(() => {
        throw new ParleyError("NOT_FOUND");
      });
      addAccessRoutes(prepared, context);
      addOidcRoutes(prepared, context);
      addRoomRoutes(prepared, context);
      addInvitationRoutes(prepared, context);
      addPostRoutes(prepared, context);
      addExplainRoute(prepared, context);
      addUploadRoutes(prepared, context);
      addSocketRoute(prepared, context);
    },
    { prefix: WEB_API_PREFIX },
  );
}
