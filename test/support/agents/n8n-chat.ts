import type { WebhookBehaviour } from "./webhook-agent.ts";

/** An item of the stream of n8n's chat, as @n8n/chat 1.37.0 reads it. */
export interface StreamItem {
  readonly type: "begin" | "item" | "end" | "error";
  readonly content?: string;
  readonly metadata: {
    readonly nodeId: string;
    readonly nodeName: string;
    readonly runIndex: number;
    readonly itemIndex: number;
    readonly timestamp: number;
  };
}

export function item(type: StreamItem["type"], content?: string, nodeId = "n1"): StreamItem {
  return {
    type,
    ...(content === undefined ? {} : { content }),
    metadata: { nodeId, nodeName: "AI Agent", runIndex: 0, itemIndex: 0, timestamp: 1_795_000_000_000 },
  };
}

/** What one node says, between its begin and its end. */
export function said(texts: readonly string[], nodeId?: string): StreamItem[] {
  return [
    item("begin", undefined, nodeId),
    ...texts.map((text) => item("item", text, nodeId)),
    item("end", undefined, nodeId),
  ];
}

/** The stream as n8n writes it: a line of JSON each, under the content-type of JSON. */
export function streamOf(
  items: readonly StreamItem[],
  more: Partial<Extract<WebhookBehaviour, { kind: "stream" }>> = {},
): WebhookBehaviour {
  return { kind: "stream", as: "ndjson", events: items, ...more };
}
