import type {
  RosterEntry,
  TranscriptMessage,
  TurnFiles,
  TurnIo,
  TurnRequest,
} from "../../../src/contracts/connector.ts";
import type { LogFields, Logger } from "../../../src/contracts/logger.ts";
import type { TurnRequests } from "../../../src/contracts/turn-requests.ts";
import type { TurnSession } from "../../../src/contracts/turn-session.ts";
import type { TurnTool } from "../../../src/contracts/turn-tool.ts";

/** A message as it stands in a transcript; everything can be said otherwise. */
export function message(overrides: Partial<TranscriptMessage> & { readonly text: string }): TranscriptMessage {
  return {
    messageId: "m-1",
    conversationId: "c-1",
    sender: { id: "u-ann", kind: "human", name: "Ann" },
    content: [{ type: "text", markdown: overrides.text }],
    occurredAt: "2026-11-21T10:00:00.000Z",
    edited: false,
    ...overrides,
  };
}

export const ANN: RosterEntry = { id: "u-ann", kind: "human", name: "Ann" };

let turnCount = 0;

/** A turn for an agent called Helper in the web room `general`, two minutes before its deadline. */
export function turnRequest(overrides: Partial<TurnRequest> = {}): TurnRequest {
  turnCount += 1;
  return {
    turnId: `turn-${turnCount}`,
    attempt: 1,
    organizationId: "org-1",
    agent: { agentId: "a-1", handle: "helper", name: "Helper", color: "#336699" },
    sessionKey: "s_1",
    reason: "mention",
    conversation: {
      conversationId: "c-1",
      platform: "web",
      path: { space: { id: "web" }, channel: { id: "general", name: "general", kind: "public", external: false } },
    },
    trigger: message({ text: "What is new?" }),
    transcript: [],
    roster: [ANN],
    deadlineAt: new Date(Date.now() + 120_000).toISOString(),
    ...overrides,
  };
}

/** Records of a logger, as one text to search. */
export class RecordingLogger implements Logger {
  readonly records: { readonly level: string; readonly fields: LogFields; readonly message: string }[];

  constructor(records: RecordingLogger["records"] = []) {
    this.records = records;
  }

  debug(fields: LogFields, text: string): void {
    this.records.push({ level: "debug", fields, message: text });
  }
  info(fields: LogFields, text: string): void {
    this.records.push({ level: "info", fields, message: text });
  }
  warn(fields: LogFields, text: string): void {
    this.records.push({ level: "warn", fields, message: text });
  }
  error(fields: LogFields, text: string): void {
    this.records.push({ level: "error", fields, message: text });
  }
  child(): Logger {
    return new RecordingLogger(this.records);
  }
}

export interface TestIo extends TurnIo {
  readonly controller: AbortController;
  readonly logger: RecordingLogger;
  /** Hands a message to a running turn. */
  steer(text: string): void;
}

/** The surroundings of one turn, with a signal that a test can abort. */
export function turnIo(
  options: {
    tools?: readonly TurnTool[];
    replyUrl?: string;
    files?: TurnFiles;
    requests?: TurnRequests;
    session?: TurnSession;
  } = {},
): TestIo {
  const controller = new AbortController();
  const waiting: TranscriptMessage[] = [];
  let wake: (() => void) | undefined;
  async function* steering(): AsyncGenerator<TranscriptMessage> {
    while (!controller.signal.aborted) {
      const next = waiting.shift();
      if (next !== undefined) yield next;
      else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  }
  return {
    controller,
    signal: controller.signal,
    steering: steering(),
    replyUrl: () => options.replyUrl ?? "http://127.0.0.1:9/reply/token",
    tools: options.tools ?? [],
    ...(options.files === undefined ? {} : { files: options.files }),
    ...(options.requests === undefined ? {} : { requests: options.requests }),
    ...(options.session === undefined ? {} : { session: options.session }),
    logger: new RecordingLogger(),
    steer(text) {
      waiting.push(message({ messageId: `steer-${waiting.length}`, text }));
      wake?.();
    },
  };
}
