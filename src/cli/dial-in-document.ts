import { z } from "zod";
import {
  AgentFrame,
  CLOSE_CODES,
  DIAL_IN_PATH,
  DIAL_IN_PROTOCOL,
  MAX_FRAME_BYTES,
  MAX_UNACKNOWLEDGED_EVENTS,
  REFUSALS,
} from "../contracts/dial-in-protocol.ts";
import { ParleyFrameSchema } from "../contracts/parley-frame-schema.ts";
import { JsonValueSchema, TranscriptMessageSchema, TurnRequestSchema } from "../contracts/turn-request-schema.ts";
import { ReplyPart } from "../envelope/reply.ts";
import { ReplyEvent } from "../envelope/reply-event.ts";

/** One line for each frame, for people who read the document. */
const SUMMARIES: Readonly<Record<string, string>> = {
  hello: "The first frame: who the agent is, what it can do, and which turns it still has",
  turn_accept: "The agent takes a turn that it was given",
  event: "One step of a reply, numbered from 1 per turn",
  artifact_chunk: "A piece of a file that is too large for one frame",
  tool_call: "Calls a tool of the turn",
  request: "Asks people and waits",
  pong: "Answers a ping",
  welcome: "The agent is known; what arrived of the turns it named",
  turn_start: "A turn for the agent",
  turn_message: "A message that came during a turn, for agents that take them",
  turn_cancel: "The turn is over for the agent, whatever it still says",
  event_ack: "Everything up to this event is kept by Parley",
  turn_end: "The turn has its end; nothing more of it is taken",
  tool_result: "What a tool answered",
  request_result: "What became of a question to people",
  ping: "Asks for a pong; an agent that does not answer is not there",
  error: "One thing that was refused, with what to do",
};

const REFERENCE = "#/components/schemas/";

/** The AsyncAPI 3 document of the dial-in socket, as Parley's side sees it: it receives what agents say and sends the rest. */
export function dialInDocument(): Record<string, unknown> {
  const received = framesOf(AgentFrame.options, "agent");
  const sent = framesOf(ParleyFrameSchema.options, "parley");
  const frames = [...received, ...sent];
  return {
    asyncapi: "3.0.0",
    info: {
      title: "Parley dial-in protocol",
      version: `${DIAL_IN_PROTOCOL}.0.0`,
      description: describe(),
      license: { name: "Apache-2.0", url: "https://www.apache.org/licenses/LICENSE-2.0" },
    },
    defaultContentType: "application/json",
    servers: {
      parley: {
        host: "{host}",
        protocol: "wss",
        description: "A Parley; `ws` on loopback",
        variables: { host: { description: "Host and port of Parley's public address", default: "parley.example.org" } },
        security: [{ $ref: "#/components/securitySchemes/agentToken" }],
      },
    },
    channels: {
      dialIn: {
        address: DIAL_IN_PATH,
        description: "One WebSocket per agent; one JSON object per message",
        messages: Object.fromEntries(frames.map(({ id }) => [id, { $ref: `#/components/messages/${id}` }])),
      },
    },
    operations: {
      receiveFromAgent: operation("receive", "What an agent says", received),
      sendToAgent: operation("send", "What Parley says", sent),
    },
    components: {
      messages: Object.fromEntries(
        frames.map(({ id, type }) => [
          id,
          { name: type, title: type, summary: SUMMARIES[type], payload: { $ref: REFERENCE + id } },
        ]),
      ),
      schemas: schemasOf(frames),
      securitySchemes: {
        agentToken: {
          type: "http",
          scheme: "bearer",
          description: "The agent's token; where headers cannot be set, `token` of `hello` carries it",
        },
      },
    },
  };
}

interface Frame {
  readonly id: string;
  readonly type: string;
  readonly schema: z.ZodType;
}

function framesOf(
  options: readonly (z.ZodType & { readonly shape: { readonly type: z.ZodLiteral } })[],
  side: string,
): readonly Frame[] {
  return options.map((schema) => {
    const type = String(schema.shape.type.value);
    return { id: `${side}_${type}`, type, schema };
  });
}

function operation(action: string, summary: string, frames: readonly Frame[]): Record<string, unknown> {
  return {
    action,
    summary,
    channel: { $ref: "#/channels/dialIn" },
    messages: frames.map(({ id }) => ({ $ref: `#/channels/dialIn/messages/${id}` })),
  };
}

/** Draft 07, which every reader of AsyncAPI knows; what many frames hold is told once. */
function schemasOf(frames: readonly Frame[]): Record<string, unknown> {
  const registry = z.registry<{ id: string }>();
  for (const { id, schema } of frames) registry.add(schema, { id });
  registry.add(TurnRequestSchema, { id: "TurnRequest" });
  registry.add(TranscriptMessageSchema, { id: "TranscriptMessage" });
  registry.add(ReplyEvent, { id: "ReplyEvent" });
  registry.add(ReplyPart, { id: "ReplyPart" });
  registry.add(JsonValueSchema, { id: "JsonValue" });
  const { schemas } = z.toJSONSchema(registry, {
    io: "input",
    unrepresentable: "any",
    target: "draft-07",
    uri: (id) => REFERENCE + id,
  });
  return Object.fromEntries(
    Object.entries(schemas).map(([id, { $schema: _schema, $id: _id, id: _name, ...schema }]) => [id, schema]),
  );
}

function describe(): string {
  const list = (rows: Readonly<Record<string, string | number>>) =>
    Object.entries(rows)
      .map(([name, value]) => `${value} (${name})`)
      .join(", ");
  return [
    "An agent opens a WebSocket, says hello with its token, and is given turns; no public address is needed.",
    "A turn is the agent's once it says turn_accept. What it yields is numbered from 1 per turn and acknowledged, so that after a drop both sides know what is missing: the agent names in hello the turns it still has, and is told in welcome what of them arrived. A turn that it does not name is given again.",
    `A frame has at most ${MAX_FRAME_BYTES} bytes; at most ${MAX_UNACKNOWLEDGED_EVENTS} events of one turn are under way without an acknowledgement.`,
    `Parley closes the socket with ${list(CLOSE_CODES)}; after replaced, unauthenticated and revoked do not dial in again, after draining do so at once.`,
    `Codes of error frames: ${Object.values(REFUSALS).join(", ")}.`,
  ].join("\n\n");
}
