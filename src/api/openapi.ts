import swagger from "@fastify/swagger";
import swaggerUi from "@fastify/swagger-ui";
import type { FastifyInstance } from "fastify";
import { jsonSchemaTransform } from "fastify-type-provider-zod";

const LOCAL = { config: { auth: "local_or_operator", scope: "read" }, schema: { hide: true } } as const;

/** Collects the description of every route registered after it. */
export async function describeApi(server: FastifyInstance): Promise<void> {
  await server.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "Parley",
        version: "1",
        description: "Makes AI agents members of a team's chat. Errors answer { error: { code, message, detail } }.",
      },
      components: {
        securitySchemes: {
          operator: {
            type: "http",
            scheme: "bearer",
            description: "The operator's token, or a token of the API that has the route's scope",
          },
          agent: { type: "http", scheme: "bearer", description: "The token that an agent dials in with" },
        },
      },
      tags: [
        { name: "agents", description: "Registered agents" },
        { name: "messages", description: "Following, sending and stopping" },
        { name: "dead letters", description: "Work that gave up, and its repetition" },
        { name: "tokens", description: "Tokens of the API" },
        { name: "audit", description: "The audit log: verifying and exporting it" },
        { name: "replies", description: "Deferred replies of agents" },
        { name: "system", description: "Health, state and sign-in" },
      ],
    },
    transform: jsonSchemaTransform,
  });
}

/** Serves the description: `/openapi.json` for programs, `/docs` for people. */
export async function serveApiDescription(server: FastifyInstance): Promise<void> {
  await server.register(async (scope) => {
    scope.authDefault = "local_or_operator";
    scope.scopeDefault = "read";
    scope.get("/openapi.json", LOCAL, async () => server.swagger());
    await scope.register(swaggerUi, {
      routePrefix: "/docs",
      staticCSP: false,
      theme: { title: "Parley API" },
      uiConfig: { layout: "BaseLayout" },
    });
  });
}
