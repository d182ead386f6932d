import type { Frames } from "./model-server.ts";

/** Server-sent events as OpenAI's chat completions write them: one chunk per delta, usage in a chunk of its own, then `[DONE]`. */
export function openAiFrames(model: string): Frames {
  const base = { id: "chatcmpl-test", object: "chat.completion.chunk", created: 1_750_000_000, model };
  const chunk = (delta: unknown, finish: string | null = null) =>
    frame({ ...base, choices: [{ index: 0, delta, finish_reason: finish }] });
  let toolIndex = 0;
  return {
    opening: [chunk({ role: "assistant", content: "" })],
    move(move) {
      if ("text" in move) return [chunk({ content: move.text })];
      if ("reasoning" in move) return [chunk({ reasoning_content: move.reasoning })];
      if ("error" in move) return [frame({ error: { ...move.error, code: move.error.type, param: null } })];
      const { id, name, input } = move.toolCall;
      const json = JSON.stringify(input);
      const half = Math.ceil(json.length / 2);
      const index = toolIndex;
      toolIndex += 1;
      // The name comes with the first fragment, the arguments in pieces, as the real endpoint sends them.
      return [
        chunk({ tool_calls: [{ index, id, type: "function", function: { name, arguments: "" } }] }),
        chunk({ tool_calls: [{ index, function: { arguments: json.slice(0, half) } }] }),
        chunk({ tool_calls: [{ index, function: { arguments: json.slice(half) } }] }),
      ];
    },
    closing(finish, usage) {
      const counts = {
        prompt_tokens: usage.input,
        completion_tokens: usage.output,
        total_tokens: usage.input + usage.output,
      };
      return [chunk({}, finish), frame({ ...base, choices: [], usage: counts }), "data: [DONE]\n\n"];
    },
  };
}

function frame(value: unknown): string {
  return `data: ${JSON.stringify(value)}\n\n`;
}
