import { setTimeout as pause } from "node:timers/promises";
import { type ModelBehaviour, type ModelMove, ModelServer } from "../../models/model-server.ts";
import { openAiFrames } from "../../models/openai-wire.ts";
import { DRIP_MS, type Fault, type FaultyKind, FINE, GIB, HALF, NEVER, ODD, SEEN_MS } from "./fault.ts";

export const faultyModel: FaultyKind = {
  impossible: { other_turn: "an answer is that of the request it comes to; nothing in it names a turn" },
  sees: {},
  turnTimeoutMs: 9_000,
  idleTimeoutMs: 5_000,
  async start(fault, { tooLate }) {
    let isWell = false;
    const server = await ModelServer.start(() => (isWell ? says({ text: FINE }) : show(fault, tooLate)));
    return {
      connector: {
        kind: "model",
        provider: "openai-compatible",
        baseUrl: server.baseUrl,
        apiKey: "sk-test",
        model: "test-model",
      },
      recover() {
        isWell = true;
      },
      asked: () => server.calls.length,
      open: () => server.server.openConnections,
      stop: () => server.stop(),
    };
  },
};

const says = (...moves: ModelMove[]): ModelBehaviour => ({ kind: "answer", moves });
const raw = (body: string): ModelBehaviour => ({ kind: "raw", contentType: "text/event-stream", body });

function show(fault: Fault, tooLate: Promise<void>): ModelBehaviour {
  switch (fault) {
    case "hang":
      return { kind: "hang" };
    case "drip":
      return says(
        ...Array.from({ length: 1_000 }, (): ModelMove[] => [{ wait: () => pause(DRIP_MS) }, { text: "." }]).flat(),
      );
    case "crash_midway": {
      const moves = [{ text: HALF }, { wait: () => pause(SEEN_MS) }, { text: "it " }];
      return { kind: "answer", moves, ending: "reset" };
    }
    case "bad_json":
      return raw('data: {"choices": [{"del\n\n');
    case "bad_schema":
      return raw(`data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: 7 } }] })}\n\n`);
    case "odd_characters":
      return says({ text: ODD });
    case "many_parts":
      return says(
        ...Array.from({ length: 100_000 }, (_, index) => ({
          toolCall: { id: `call_${index}`, name: "conversation_history", input: {} },
        })),
      );
    case "nesting":
      return raw(`data: ${"[".repeat(500_000)}\n\n`);
    case "endless":
      return { kind: "endless", shape: "frames", sizeBytes: GIB };
    case "twice": {
      const frames = openAiFrames("test-model");
      const end = frames.closing("stop", { input: 1, output: 1 });
      const whole = (words: string) => [...frames.opening, ...frames.move({ text: words }), ...end];
      return raw([...whole("once"), ...whole(NEVER)].join(""));
    }
    case "late":
      return says({ wait: () => tooLate }, { text: NEVER });
    case "poison":
      return { kind: "crash" };
    case "other_turn":
      throw new Error("no answer of a model can be of another turn");
  }
}
