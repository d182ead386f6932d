import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import fastifyStatic from "@fastify/static";
import type { FastifyInstance } from "fastify";
import { ParleyError } from "../errors/parley-error.ts";
import { pagePolicy } from "./security-headers.ts";

/** Addresses that the page itself takes apart. */
const PAGE_ADDRESSES = ["/", "/sign-in"] as const;
const NONCE_BYTES = 18;
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
    const html = readFileSync(path.join(folder, "index.html"), "utf8");
    for (const address of PAGE_ADDRESSES) {
      scope.get(address, PUBLIC, (_request, reply) => {
        const nonce = randomBytes(NONCE_BYTES).toString("base64url");
        return reply
          .header("content-security-policy", pagePolicy(nonce))
          .header("cache-control", "no-store")
          .type("text/html; charset=utf-8")
          .send(withNonce(html, nonce));
      });
    }
  });
}

/** Marks what the build put into the page as its own; nothing else of the page is changed, as it holds nothing that a person wrote. */
function withNonce(html: string, nonce: string): string {
  return html.replaceAll(/<(script|link rel="(?:stylesheet|modulepreload)")(?=[ >])/g, `<$1 nonce="${nonce}"`);
}
