import type { Frames } from "./model-server.ts";

const FINISH: Readonly<Record<string, string>> = {
  stop: "end_turn",
  length: "max_tokens",
  tool_calls: "tool_use",
  content_filter: "refusal",
};

/** Server-sent events as Anthropic's messages write them: named events, content blocks that start, grow and stop. */
export function anthropicFrames(model: string): Frames {
  let index = -1;
  const block = (contentBlock: unknown, deltas: readonly unknown[]) => {
    index += 1;
    return [
      frame({ type: "content_block_start", index, content_block: contentBlock }),
      ...deltas.map((delta) => frame({ type: "content_block_delta", index, delta })),
      frame({ type: "content_block_stop", index }),
    ];
  };
  return {
    opening: [
      frame({
        type: "message_start",
        message: {
          id: "msg_test",
          type: "message",
          role: "assistant",
          model,
          content: [],
          stop_reason: null,
          stop_sequence: null,
          usage: { input_tokens: 10, output_tokens: 0 },
        },
      }),
      frame({ type: "ping" }),
    ],
    move(move) {
      if ("text" in move) return block({ type: "text", text: "" }, [{ type: "text_delta", text: move.text }]);
      if ("reasoning" in move)
        return block({ type: "thinking", thinking: "", signature: "" }, [
          { type: "thinking_delta", thinking: move.reasoning },
        ]);
      if ("error" in move) return [frame({ type: "error", error: move.error })];
      const { id, name, input } = move.toolCall;
      const json = JSON.stringify(input);
      const half = Math.ceil(json.length / 2);
      const deltas = [json.slice(0, half), json.slice(half)].map((part) => ({
        type: "input_json_delta",
        partial_json: part,
      }));
      return block({ type: "tool_use", id, name, input: {} }, deltas);
    },
    closing(finish, usage) {
      return [
        frame({
          type: "message_delta",
          delta: { stop_reason: FINISH[finish] ?? "end_turn", stop_sequence: null },
          usage: { input_tokens: usage.input, output_tokens: usage.output },
        }),
        frame({ type: "message_stop" }),
      ];
    },
  };
}

function frame(value: { readonly type: string; readonly [field: string]: unknown }): string {
  return `event: ${value.type}\ndata: ${JSON.stringify(value)}\n\n`;
}
