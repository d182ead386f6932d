import type { Readable, Writable } from "node:stream";
import type { AnyMessage, Stream } from "@agentclientprotocol/sdk";
import { ParleyError, toParleyError } from "../../src/errors/parley-error.ts";
import { ByteBuffer } from "../shared/byte-buffer.ts";
import { JsonGuard, parseJson } from "../shared/json-guard.ts";

export interface WireOptions {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly maxLineBytes: number;
  /** Gets the parameters of each `session/update` in order, and the size of its line. */
  readonly onUpdate: (params: unknown, bytes: number) => void;
  /** Called with the session of a prompt as soon as its answer is read, before whatever follows it. */
  readonly onAnswered: (sessionId: string) => void;
  /** Called once with what ends the connection: nonsense, a line too long, or the end of the output. */
  readonly onEnd: (error: ParleyError | undefined) => void;
}

const LINE_FEED = 0x0a;
/** Most bytes that may wait for an agent that does not read. */
const MAX_UNREAD_BYTES = 33_554_432;
/** Lines that are no messages before the first one that is: some programs greet people before they speak the protocol. */
const MAX_GREETING_LINES = 50;

/**
 * Guarantees the agent's messages one by one, each bounded and cheap to parse, and only those that the SDK can deal with in silence.
 *
 * Updates do not pass through the SDK, which prints what it does not know: they are the one kind of message that newer agents add kinds to.
 */
export function agentStream(options: WireOptions): Stream {
  /** What was asked and is not answered: of prompts, their session. */
  const asked = new Map<unknown, string | undefined>();
  const greeting = { left: MAX_GREETING_LINES };
  const take = (line: Uint8Array): AnyMessage | undefined => {
    const text = decodeLine(line);
    if (text === "") return undefined;
    if (greeting.left > 0 && !text.startsWith("{")) {
      greeting.left -= 1;
      return undefined;
    }
    greeting.left = 0;
    return route(parseJson(text), line.byteLength, asked, options);
  };
  return {
    readable: new ReadableStream<AnyMessage>({
      async start(controller) {
        try {
          await readLines(options.stdout, options.maxLineBytes, (line) => {
            const message = take(line);
            if (message !== undefined) controller.enqueue(message);
          });
          options.onEnd(undefined);
        } catch (thrown) {
          // A stream that fails was ended together with its process, which says more.
          options.onEnd(thrown instanceof ParleyError ? thrown : undefined);
          options.stdout.destroy();
        }
        controller.close();
      },
    }),
    writable: new WritableStream<AnyMessage>({
      write(message) {
        if ("method" in message && "id" in message) asked.set(message.id, promptedSession(message));
        return writeLine(options.stdin, JSON.stringify(message));
      },
    }),
  };
}

async function readLines(stdout: Readable, maxBytes: number, onLine: (line: Uint8Array) => void): Promise<void> {
  const line = new ByteBuffer();
  let guard = new JsonGuard();
  let lineBytes = 0;
  const add = (piece: Uint8Array): void => {
    lineBytes += piece.byteLength;
    if (lineBytes > maxBytes)
      throw new ParleyError("AGENT_REPLY_TOO_LARGE", {
        detail: `the agent wrote a line of more than ${maxBytes} bytes`,
      });
    guard.push(piece);
    line.push(piece);
  };
  for await (const chunk of stdout as AsyncIterable<Buffer>) {
    // without an encoding a stream gives bytes
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, start)) {
      add(chunk.subarray(start, end));
      onLine(line.take());
      guard = new JsonGuard();
      lineBytes = 0;
      start = end + 1;
    }
    add(chunk.subarray(start));
  }
}

function decodeLine(line: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(line).trim();
  } catch {
    throw invalid("what the agent wrote is not UTF-8");
  }
}

function route(
  value: unknown,
  bytes: number,
  asked: Map<unknown, string | undefined>,
  { onUpdate, onAnswered }: Pick<WireOptions, "onUpdate" | "onAnswered">,
): AnyMessage | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw invalid("the agent wrote something else than a JSON-RPC object; what it logs belongs on its error stream");
  const { method, id } = value as { method?: unknown; id?: unknown }; // each is looked at before it is used
  if (method === undefined) {
    // A second answer, or one to nothing, is for nobody.
    const sessionId = asked.get(id);
    if (!asked.delete(id)) return undefined;
    if (sessionId !== undefined) onAnswered(sessionId);
  } else if (typeof method !== "string" || !("jsonrpc" in value) || value.jsonrpc !== "2.0") {
    throw invalid("the agent wrote a message that is not JSON-RPC 2.0");
  } else if (method === "session/update") {
    onUpdate("params" in value ? value.params : undefined, bytes);
    return undefined;
  }
  return value as AnyMessage; // the shape was looked at above; the SDK validates the parameters
}

function promptedSession(message: { readonly method: string; readonly params?: unknown }): string | undefined {
  const { method, params } = message;
  if (method !== "session/prompt" || typeof params !== "object" || params === null) return undefined;
  return "sessionId" in params && typeof params.sessionId === "string" ? params.sessionId : undefined;
}

function invalid(detail: string): ParleyError {
  return new ParleyError("AGENT_REPLY_INVALID", { detail });
}

function writeLine(stdin: Writable, text: string): Promise<void> {
  if (stdin.writableLength > MAX_UNREAD_BYTES)
    return Promise.reject(new ParleyError("AGENT_CRASHED", { detail: "the agent does not read what it is sent" }));
  return new Promise((resolve, reject) => {
    stdin.write(`${text}\n`, (error) => (error ? reject(toParleyError(error, "AGENT_CRASHED")) : resolve()));
  });
}
