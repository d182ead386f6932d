import { z } from "zod";
import type { TurnIo, TurnRequest } from "../../src/contracts/connector.ts";
import { MAX_FRAME_BYTES, type OfferedTool, type ParleyFrame } from "../../src/contracts/dial-in-protocol.ts";
import type { JsonValue } from "../../src/contracts/json.ts";
import type { TurnTool } from "../../src/contracts/turn-tool.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { mediaOf } from "../shared/turn-media.ts";

/** Makes the frames that give turns; keeps what it made of the tools' schemas, which are the same for many turns. */
export class TurnStarts {
  readonly #schemas = new WeakMap<z.ZodType, JsonValue>();

  /**
   * The frame that gives an agent its turn, as text that fits one frame: of a transcript that is too long the oldest messages are left out.
   *
   * Errors: REQUEST_INVALID when the question alone is too long, which no platform's limits allow.
   */
  of(request: TurnRequest, io: TurnIo): string {
    const files = mediaOf(request).flatMap(({ mediaId }) => {
      const url = io.files?.url(mediaId);
      return url === undefined ? [] : [{ mediaId, url }];
    });
    const frame: ParleyFrame = {
      type: "turn_start",
      turn: request,
      ...(io.tools.length > 0 && { tools: io.tools.map((tool) => this.#offer(tool)) }),
      ...(files.length > 0 && { files }),
      ...(io.toolAccess && { toolAccess: io.toolAccess() }),
    };
    for (let transcript = request.transcript; ; transcript = transcript.slice(Math.ceil(transcript.length / 4))) {
      const text = JSON.stringify({ ...frame, turn: { ...request, transcript } });
      if (Buffer.byteLength(text) <= MAX_FRAME_BYTES) return text;
      if (transcript.length === 0)
        throw new ParleyError("REQUEST_INVALID", { detail: "the turn does not fit one frame of the dial-in socket" });
    }
  }

  #offer({ name, description, input, effect }: TurnTool): OfferedTool {
    const schema = this.#schemas.get(input) ?? schemaOf(input);
    this.#schemas.set(input, schema);
    return { name, description, input: schema, effect: effect ?? "read" };
  }
}

/** A schema that JSON Schema cannot say is offered as any object; the call is judged by the schema itself. */
function schemaOf(input: z.ZodType): JsonValue {
  try {
    return JSON.parse(JSON.stringify(z.toJSONSchema(input, { io: "input" }))) as JsonValue; // parsed from JSON just now
  } catch {
    return { type: "object" };
  }
}
