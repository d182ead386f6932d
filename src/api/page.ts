import { existsSync } from "node:fs";
import path from "node:path";
import fastifyStatic from "@fastify/static";
import type { FastifyInstance } from "fastify";
import { ParleyError } from "../errors/parley-error.ts";

/** Addresses that the page itself takes apart. */
const PAGE_ADDRESSES = ["/", "/sign-in"] as const;
const PUBLIC = { config: { auth: "public" }, schema: { hide: true } } as const;

/** Serves the built web page; without one, its addresses say how to build it. */
export async function servePage(server: FastifyInstance, folder: string | undefined): Promise<void> {
  if (folder === undefined || !existsSync(path.join(folder, "index.html"))) {
    for (const address of PAGE_ADDRESSES) {
      server.get(address, PUBLIC, () => {
        throw new ParleyError("NOT_FOUND", { detail: "the page is not built; run: npm run page:build" });
      });
    }
    return;
  }
  await server.register(async (scope) => {
    scope.authDefault = "public";
    scope.addHook("onRoute", (route) => {
      route.schema = { ...route.schema, hide: true };
    });
    await scope.register(fastifyStatic, {
      root: folder,
      // One route per file that exists now: nothing outside the build can be asked for.
      wildcard: false,
      index: false,
      dotfiles: "ignore",
      cacheControl: false,
      setHeaders: (reply, file) => {
        // Names of built assets carry a hash of their content, others do not.
        const immutable = path.relative(folder, file).startsWith(`assets${path.sep}`);
        void reply.header("cache-control", immutable ? "public, max-age=31536000, immutable" : "no-cache");
      },
    });
    for (const address of PAGE_ADDRESSES) scope.get(address, PUBLIC, (_request, reply) => reply.sendFile("index.html"));
  });
}
