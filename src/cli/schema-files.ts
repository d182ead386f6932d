import { z } from "zod";
import { AgentFrame, DIAL_IN_PROTOCOL } from "../contracts/dial-in-protocol.ts";
import { ParleyFrameSchema } from "../contracts/parley-frame-schema.ts";
import { TurnRequestSchema } from "../contracts/turn-request-schema.ts";
import { ENVELOPE_VERSION, Envelope } from "../envelope/envelope.ts";
import { REPLY_VERSION, Reply } from "../envelope/reply.ts";
import { ReplyEvent } from "../envelope/reply-event.ts";
import { dialInDocument } from "./dial-in-document.ts";

/** Version of what an agent is given for a turn. */
const TURN_VERSION = 1;

/**
 * The published files by name: JSON Schema (draft 2020-12) of what may be handed in, so that defaults may be left out, and the AsyncAPI
 * document of the dial-in socket.
 */
export function schemaFiles(): ReadonlyMap<string, string> {
  return new Map([
    [
      `envelope.v${ENVELOPE_VERSION}.schema.json`,
      schemaFile(Envelope, "Parley envelope", "The normalised inbound event of any platform"),
    ],
    [
      `reply.v${REPLY_VERSION}.schema.json`,
      schemaFile(Reply, "Parley reply", "What an agent answers: an ordered list of typed parts"),
    ],
    [
      `reply-event.v${REPLY_VERSION}.schema.json`,
      schemaFile(ReplyEvent, "Parley reply event", "One line of a streamed answer (NDJSON or SSE)"),
    ],
    [
      `turn-request.v${TURN_VERSION}.schema.json`,
      schemaFile(TurnRequestSchema, "Parley turn request", "Everything an agent is given for one turn"),
    ],
    [
      `agent-frame.v${DIAL_IN_PROTOCOL}.schema.json`,
      schemaFile(AgentFrame, "Parley dial-in frame of an agent", "What an agent says over the dial-in socket"),
    ],
    [
      `parley-frame.v${DIAL_IN_PROTOCOL}.schema.json`,
      schemaFile(ParleyFrameSchema, "Parley dial-in frame of Parley", "What Parley says over the dial-in socket"),
    ],
    [`dial-in.v${DIAL_IN_PROTOCOL}.asyncapi.json`, asFile(dialInDocument())],
  ]);
}

function schemaFile(schema: z.ZodType, title: string, description: string): string {
  return asFile({
    title,
    description,
    ...z.toJSONSchema(schema, { io: "input", unrepresentable: "any", reused: "ref" }),
  });
}

function asFile(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
