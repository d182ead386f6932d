import type { AddressInfo } from "node:net";
import websocket from "@fastify/websocket";
import { fastify } from "fastify";
import { serializerCompiler, validatorCompiler } from "fastify-type-provider-zod";
import { type ConnectionBook, DialInHub } from "../../../agents/socket/index.ts";
import { answerErrors } from "../../../src/api/error-answers.ts";
import { connectRoute } from "../../../src/api/routes/connect-route.ts";
import type { DialInPort } from "../../../src/contracts/dial-in.ts";
import { MAX_FRAME_BYTES } from "../../../src/contracts/dial-in-protocol.ts";
import { RecordingLogger } from "./turn-fixtures.ts";

/** A hub behind a real WebSocket server, with one agent and a book in memory. */
export interface DialInStand {
  readonly url: string;
  readonly hub: DialInHub;
  readonly token: string;
  readonly agentId: string;
  readonly logger: RecordingLogger;
  /** Connections that were attached so far. */
  readonly attached: () => number;
  stop(): Promise<void>;
}

const AGENT = { tokenId: "k-1", agentId: "a-1", organizationId: "org-1", handle: "helper", name: "Helper" };

export async function startDialInStand(
  options: {
    readonly heartbeatMs?: number;
    /** Puts something between the sockets and the hub. Default: nothing. */
    readonly port?: (hub: DialInPort) => DialInPort;
  } = {},
): Promise<DialInStand> {
  const token = "prl_agent_canary-of-the-dial-in-agent-00000000000";
  const logger = new RecordingLogger();
  const live = new Set<string>();
  let attached = 0;
  let ids = 0;
  const book: ConnectionBook = {
    verify: async (presented) => (presented === token ? AGENT : undefined),
    async attached({ connectionId }) {
      attached += 1;
      live.clear();
      live.add(connectionId);
      return true;
    },
    detached: async ({ connectionId }) => void live.delete(connectionId),
    beat: async (ids) => new Set(ids.filter((id) => live.has(id))),
    isElsewhere: () => false,
  };
  const hub = new DialInHub({
    book,
    newId: (prefix: string) => `${prefix}_${(ids += 1)}`,
    logger,
    ...(options.heartbeatMs !== undefined && { heartbeatMs: options.heartbeatMs }),
  });
  hub.start();
  const server = fastify({ logger: false });
  server.setValidatorCompiler(validatorCompiler);
  server.setSerializerCompiler(serializerCompiler);
  answerErrors(server, logger);
  await server.register(websocket, {
    options: { maxPayload: MAX_FRAME_BYTES, perMessageDeflate: false },
    errorHandler: () => undefined,
  });
  await server.register(connectRoute, {
    prefix: "/api",
    dialIn: options.port?.(hub) ?? hub,
    publicUrl: undefined,
    isDraining: () => false,
  });
  await server.listen({ host: "127.0.0.1", port: 0 });
  const { port } = server.server.address() as AddressInfo; // it listens on a port
  return {
    url: `http://127.0.0.1:${port}`,
    hub,
    token,
    agentId: AGENT.agentId,
    logger,
    attached: () => attached,
    async stop() {
      await hub.close();
      await server.close();
    },
  };
}
