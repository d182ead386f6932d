import websocket from "@fastify/websocket";
import { fastify } from "fastify";
import { serializerCompiler, validatorCompiler } from "fastify-type-provider-zod";
import type { DialInPort } from "../contracts/dial-in.ts";
import { MAX_FRAME_BYTES } from "../contracts/dial-in-protocol.ts";
import { connectRoute } from "./routes/connect-route.ts";

/** A place on this machine where agents can dial in, and nothing else. */
export interface AgentGate {
  readonly url: string;
  close(): Promise<void>;
}

/** Opens a gate on a free port of loopback; what dials in is the port's to take. */
export async function openAgentGate(dialIn: DialInPort): Promise<AgentGate> {
  const server = fastify({ logger: false });
  server.setValidatorCompiler(validatorCompiler);
  server.setSerializerCompiler(serializerCompiler);
  await server.register(websocket, { options: { maxPayload: MAX_FRAME_BYTES, perMessageDeflate: false } });
  await server.register(connectRoute, { prefix: "/api", dialIn, publicUrl: undefined, isDraining: () => false });
  const url = await server.listen({ host: "127.0.0.1", port: 0 });
  return { url, close: () => server.close() };
}
