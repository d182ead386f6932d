import { randomUUID } from "node:crypto";
import { inspect } from "node:util";
import type { TranscriptMessage, TurnIo, TurnRequest } from "../contracts/connector.ts";
import type { Logger } from "../contracts/logger.ts";

const AUTHOR = { id: "author", kind: "human", name: "Author" } as const;
const AGENT = { agentId: "agent_check", handle: "agent", name: "Agent", color: "#336699" } as const;
const CONVERSATION_ID = "conversation_check";
const CHANNEL = { id: "agent-check", name: "agent-check", kind: "public", external: false } as const;

function loggerTo(hear: (line: string) => void): Logger {
  const write = (...line: readonly unknown[]): void => hear(inspect(line, { depth: 6 }));
  const logger: Logger = { debug: write, info: write, warn: write, error: write, child: () => logger };
  return logger;
}

export interface SampleTurnOptions {
  readonly text: string;
  readonly timeoutMs: number;
  readonly turnId?: string;
  readonly sessionKey?: string;
  readonly conversationId?: string;
  readonly transcript?: readonly TranscriptMessage[];
}

/** A turn as Parley gives it, in a web room that does not exist; a turn of its own each time unless `turnId` says otherwise. */
export function sampleTurn(options: SampleTurnOptions): TurnRequest {
  const conversationId = options.conversationId ?? CONVERSATION_ID;
  return {
    turnId: options.turnId ?? `turn_${randomUUID()}`,
    attempt: 1,
    organizationId: "agent-check",
    agent: AGENT,
    sessionKey: options.sessionKey ?? `session_${randomUUID()}`,
    reason: "mention",
    conversation: {
      conversationId,
      platform: "web",
      path: { space: { id: "web" }, channel: CHANNEL },
    },
    trigger: { ...sampleMessage(options.text), conversationId },
    transcript: options.transcript ?? [],
    roster: [{ ...AUTHOR }],
    deadlineAt: new Date(Date.now() + options.timeoutMs).toISOString(),
  };
}

export function sampleMessage(text: string): TranscriptMessage {
  return {
    messageId: `message_${randomUUID()}`,
    conversationId: CONVERSATION_ID,
    sender: AUTHOR,
    content: [{ type: "text", markdown: text }],
    text,
    occurredAt: new Date().toISOString(),
    edited: false,
  };
}

/** What the agent itself said before. */
export function sampleAnswer(text: string): TranscriptMessage {
  const { agentId, handle, name } = AGENT;
  return { ...sampleMessage(text), sender: { id: agentId, kind: "agent", name, agent: handle } };
}

/** The surroundings of a turn without tools, people or memory; `replyUrl` leads nowhere. */
export function sampleIo(signal: AbortSignal, hear: (line: string) => void = () => undefined): TurnIo {
  return {
    signal,
    steering: { async *[Symbol.asyncIterator]() {} },
    replyUrl: () => "http://127.0.0.1:9/api/replies/none",
    tools: [],
    logger: loggerTo(hear),
  };
}
