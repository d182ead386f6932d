import type { Rule } from "./breaches.ts";

export interface Planted {
  readonly path: string;
  readonly source: string;
}

export interface PlantedBreach extends Planted {
  readonly rule: Rule;
}

/** Each must be reported under its rule: a check that lets one of them pass is broken, however green it looks. */
export const PLANTED_BREACHES: readonly PlantedBreach[] = [
  // Upwards in the table, in every form an import can take.
  { rule: "layer", path: "src/envelope/a.ts", source: `import { x } from "../errors/parley-error.ts";` },
  { rule: "layer", path: "src/errors/a.ts", source: `import type { X } from "../envelope/ids.ts";` },
  { rule: "layer", path: "src/contracts/a.ts", source: `export * from "../ledger/intake.ts";` },
  { rule: "layer", path: "src/contracts/b.ts", source: `export type { X } from "../queue/doorbell.ts";` },
  { rule: "layer", path: "src/config/a.ts", source: `import { x } from "../ledger/intake.ts";` },
  { rule: "layer", path: "src/ledger/a.ts", source: `import { x } from "../access/decide.ts";` },
  { rule: "layer", path: "src/ledger/b.ts", source: `import { x } from "../config/load.ts";` },
  { rule: "layer", path: "src/queue/a.ts", source: `import { x } from "../ledger/intake.ts";` },
  { rule: "layer", path: "src/access/a.ts", source: `import { x } from "../pipeline/route.ts";` },
  { rule: "layer", path: "src/pipeline/a.ts", source: `type X = import("../api/server.ts").X; export type { X };` },
  { rule: "layer", path: "src/pipeline/b.ts", source: `import { x } from "../config/load.ts";` },
  { rule: "layer", path: "src/api/a.ts", source: `const { x } = await import("../app.ts");` },
  { rule: "layer", path: "src/cli/a.ts", source: `import { x } from "../pipeline/route.ts";` },
  { rule: "layer", path: "src/console/a.tsx", source: `import type { X } from "../envelope/reply.ts";` },
  // Concrete adapters and connectors are for the composition root.
  { rule: "layer", path: "src/pipeline/c.ts", source: `import { x } from "../../adapters/slack/index.ts";` },
  { rule: "layer", path: "src/api/b.ts", source: `await import("../../agents/webhook/index.ts");` },
  { rule: "layer", path: "src/cli/b.ts", source: `import "../../adapters/web/index.ts";` },
  { rule: "layer", path: "adapters/web/a.ts", source: `import { x } from "../slack/markup.ts";` },
  { rule: "layer", path: "adapters/shared/a.ts", source: `import { x } from "../slack/markup.ts";` },
  { rule: "layer", path: "adapters/web/b.ts", source: `import type { X } from "../../src/ledger/intake.ts";` },
  { rule: "layer", path: "adapters/web/c.ts", source: `import { x } from "../../src/config/load.ts";` },
  { rule: "layer", path: "adapters/web/d.ts", source: `import { x } from "../../agents/shared/deadline.ts";` },
  { rule: "layer", path: "agents/model/a.ts", source: `import { x } from "../webhook/request.ts";` },
  { rule: "layer", path: "agents/model/b.ts", source: `import { x } from "../../src/pipeline/invoke.ts";` },
  { rule: "layer", path: "src/app.ts", source: `import { x } from "../test/support/servers/redis.ts";` },
  { rule: "layer", path: "src/api/c.ts", source: `import { x } from "../../deploy/tooling/page-fingerprint.ts";` },
  // Places that the table does not know.
  { rule: "unknown-layer", path: "src/infra/a.ts", source: `export const x = 1;` },
  { rule: "unknown-layer", path: "src/stray.ts", source: `export const x = 1;` },
  { rule: "unknown-layer", path: "adapters/registry.ts", source: `export const x = 1;` },
  { rule: "layer", path: "src/app.ts", source: `import { x } from "./infra/a.ts";` },
  // Packages outside the files that own them.
  { rule: "package", path: "src/pipeline/d.ts", source: `import { Queue } from "bullmq";` },
  { rule: "package", path: "src/app.ts", source: `import type { Queue } from "bullmq";` },
  {
    rule: "package",
    path: "src/pipeline/e.ts",
    source: `import x from "../../node_modules/bullmq/dist/esm/index.js";`,
  },
  { rule: "package", path: "src/api/d.ts", source: `import { Redis } from "ioredis";` },
  { rule: "package", path: "adapters/slack/outbound.ts", source: `import type { X } from "@slack/web-api";` },
  { rule: "package", path: "adapters/slack/clientele.ts", source: `import { App } from "@slack/bolt";` },
  { rule: "package", path: "adapters/web/client.ts", source: `import { App } from "@slack/bolt";` },
  { rule: "package", path: "adapters/discord/markup.ts", source: `import { x } from "discord.js";` },
  { rule: "package", path: "adapters/matrix/markup.ts", source: `import { x } from "matrix-js-sdk/lib/models.js";` },
  { rule: "package", path: "adapters/web/e.ts", source: `import fastify from "fastify";` },
  { rule: "package", path: "agents/webhook/a.ts", source: `import type { X } from "fastify";` },
  { rule: "package", path: "src/pipeline/f.ts", source: `import { x } from "react";` },
  { rule: "package", path: "src/pipeline/m.ts", source: `import { pino } from "pino";` },
  { rule: "layer", path: "src/pipeline/n.ts", source: `import { x } from "../log/create-logger.ts";` },
  { rule: "package", path: "src/envelope/b.ts", source: `import { x } from "drizzle-orm";` },
  { rule: "package", path: "src/errors/b.ts", source: `import { z } from "zod";` },
  { rule: "package", path: "src/console/b.ts", source: `import { readFile } from "node:fs/promises";` },
  { rule: "dev-dependency", path: "src/pipeline/g.ts", source: `import { vi } from "vitest";` },
  { rule: "dev-dependency", path: "agents/webhook/b.ts", source: `await import("standardwebhooks");` },
  // Imports that cannot be read, and so cannot be checked.
  { rule: "opaque-import", path: "src/pipeline/h.ts", source: `const name = "bull" + "mq"; await import(name);` },
  { rule: "opaque-import", path: "src/pipeline/i.ts", source: `import { createRequire } from "node:module";` },
  { rule: "opaque-import", path: "src/pipeline/j.ts", source: `import { x } from "#queue";` },
  // The environment, by every way to it.
  { rule: "environment", path: "src/pipeline/k.ts", source: `export const x = process.env["HOME"];` },
  { rule: "environment", path: "adapters/slack/config.ts", source: `export const { env } = process;` },
  { rule: "environment", path: "agents/model/c.ts", source: `import { env } from "node:process"; export { env };` },
  { rule: "environment", path: "src/cli/c.ts", source: `import process from "node:process"; export { process };` },
  { rule: "environment", path: "src/app.ts", source: `export const x = globalThis.process.env;` },
  { rule: "environment", path: "src/queue/b.ts", source: `export const x = process["env"];` },
  // Names and lengths.
  { rule: "file-name", path: "src/pipeline/utils.ts", source: `export const x = 1;` },
  { rule: "file-name", path: "src/queue/redis-helpers.ts", source: `export const x = 1;` },
  { rule: "file-name", path: "adapters/slack/types.ts", source: `export const x = 1;` },
  { rule: "file-name", path: "adapters/web/common/a.ts", source: `export const x = 1;` },
  { rule: "file-name", path: "test/support/helpers.ts", source: `export const x = 1;` },
  { rule: "file-name", path: "src/console/MessageList.tsx", source: `export const x = 1;` },
  { rule: "file-name", path: "src/pipeline/render_reply.ts", source: `export const x = 1;` },
  { rule: "file-length", path: "src/pipeline/l.ts", source: "export {};\n".repeat(401) },
  { rule: "file-length", path: "test/unit/a.test.ts", source: "export {};\n".repeat(601) },
];

/** None of these may be reported: they are what the table allows, where it comes close to what it forbids. */
export const PERMITTED: readonly Planted[] = [
  { path: "src/envelope/a.ts", source: `import { z } from "zod"; import { y } from "./ids.ts";` },
  { path: "src/contracts/a.ts", source: `import type { FastifyInstance } from "fastify";` },
  { path: "src/queue/a.ts", source: `import { Queue } from "bullmq"; import { Redis } from "ioredis";` },
  {
    path: "src/pipeline/a.ts",
    source: `import { x } from "../access/decide.ts"; import { y } from "../queue/bell.ts";`,
  },
  { path: "src/config/load.ts", source: `export const x = process.env["HOME"]; await import(x ?? "");` },
  { path: "src/app.ts", source: `import { x } from "../adapters/slack/index.ts"; import "../agents/model/index.ts";` },
  { path: "src/cli/parley.ts", source: `import { x } from "../app.ts"; import { Command } from "commander";` },
  { path: "src/console/main.tsx", source: `import { x } from "react"; import "./styles/page.css";` },
  { path: "adapters/web/adapter.ts", source: `import type { FastifyRequest } from "fastify";` },
  { path: "adapters/web/server-plugins.ts", source: `import cookie from "@fastify/cookie";` },
  { path: "adapters/slack/client.ts", source: `import { WebClient } from "@slack/web-api";` },
  { path: "adapters/slack/http-receiver.ts", source: `import type { Receiver } from "@slack/bolt";` },
  { path: "adapters/slack/inbound/messages.ts", source: `import type { X } from "@slack/bolt";` },
  {
    path: "adapters/slack/outbound.ts",
    source: `import { x } from "../shared/chunks.ts"; import "../../src/errors/codes.ts";`,
  },
  { path: "src/api/a.ts", source: `export const x = { env: 1 }.env; export const { pid } = process;` },
  { path: "test/unit/a.test.ts", source: `import { Queue } from "bullmq"; export const x = process.env;` },
  { path: "src/pipeline/b.ts", source: "export {};\n".repeat(400) },
];
