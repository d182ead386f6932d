import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { FastifyInstance } from "fastify";
import { createOperatorAccess } from "../../../src/api/operator-access.ts";
import { createPrometheusMetrics, type PrometheusMetrics } from "../../../src/api/prometheus-metrics.ts";
import { createServer, type ServerOptions } from "../../../src/api/server.ts";
import type { Config } from "../../../src/config/config.ts";
import { loadConfig } from "../../../src/config/load-config.ts";
import { Secret } from "../../../src/config/secret.ts";
import { createLogger } from "../../../src/log/create-logger.ts";
import { type RecordingOperations, recordingOperations } from "./recording-operations.ts";

export const TOKEN = "prl_op_Zk3vXw8rQm5tYb2nLc7jHd9sPf4gKa6e";

export interface ApiServer {
  readonly server: FastifyInstance;
  readonly url: string;
  readonly port: number;
  readonly operations: RecordingOperations;
  readonly metrics: PrometheusMetrics;
  readonly logged: string[];
  readonly config: Config;
  /** Sends with the operator's token unless told otherwise. */
  request(address: string, init?: RequestInit & { token?: string | null; json?: unknown }): Promise<Response>;
  close(): Promise<void>;
}

/** Guarantees a real server on a free loopback port, with operations that write down what they are asked. */
export async function startApiServer(
  more: Partial<Omit<ServerOptions, "auth" | "config">> & {
    auth?: Partial<ServerOptions["auth"]>;
    env?: Record<string, string>;
    limits?: Partial<Config["limits"]>;
  } = {},
): Promise<ApiServer> {
  const { auth, env, limits, ...options } = more;
  const cwd = mkdtempSync(path.join(tmpdir(), "parley-api-"));
  const loaded = await loadConfig({ cwd, env: { PARLEY_PORT: "0", ...env } });
  const config: Config = { ...loaded, limits: { ...loaded.limits, ...limits } };
  const operations = recordingOperations();
  const metrics = createPrometheusMetrics();
  const logged: string[] = [];
  const logger = createLogger({ level: "trace", stream: { write: (line) => void logged.push(line) } });
  const operator = createOperatorAccess({ dataFolder: config.dataFolder, token: new Secret(TOKEN) });
  const server = await createServer({ config, operations, logger, metrics, ...options, auth: { operator, ...auth } });
  const url = await server.listen({ host: "127.0.0.1", port: 0 });
  return {
    server,
    url,
    port: Number(new URL(url).port),
    operations,
    metrics,
    logged,
    config,
    request(address, { token = TOKEN, json, headers, ...init } = {}) {
      const all = new Headers(headers);
      if (token !== null) all.set("authorization", `Bearer ${token}`);
      if (json !== undefined) all.set("content-type", "application/json");
      return fetch(new URL(address, url), {
        redirect: "manual",
        ...init,
        headers: all,
        ...(json === undefined ? {} : { body: JSON.stringify(json) }),
      });
    },
    async close() {
      await server.close();
      rmSync(cwd, { recursive: true, force: true });
    },
  };
}
