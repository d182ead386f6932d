import { z } from "zod";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { readJsonBody, readJsonLines } from "../shared/bounded-body.ts";
import type { HttpAnswer } from "../shared/guarded-http.ts";
import { failedResponseToError } from "../shared/http-errors.ts";
import { parseGuardedJson } from "../shared/json-guard.ts";

const LINE_FEED = 0x0a;
/** Longest first line that is looked at to tell a stream from a whole answer, in bytes; an item of a stream is a few words. */
const MAX_FIRST_LINE_BYTES = 65_536;

const StreamItem = z.looseObject({
  type: z.enum(["begin", "item", "end", "error"]),
  content: z.string().optional(),
  metadata: z.looseObject({ nodeId: z.string().optional(), runIndex: z.number().optional() }).optional(),
});
const WholeAnswer = z.looseObject({
  output: z.string().optional(),
  text: z.string().optional(),
  message: z.string().optional(),
});

/**
 * Guarantees the raw events of an answer of n8n's chat, streamed line by line or whole; guardedReply checks them.
 *
 * A stream of which a node never said that it ended was cut off: it ends without `done`. Facts: @n8n/chat 1.37.0.
 */
export async function* readChatAnswer(answer: HttpAnswer, nowMs: number): AsyncGenerator<unknown> {
  try {
    const { status } = answer;
    if (status === 204) yield { type: "done" };
    else if (status !== 200 && status !== 201)
      throw failedResponseToError({ status, retryAfter: answer.header("retry-after"), nowMs });
    else yield* readBody(answer);
  } finally {
    answer.discard();
  }
}

async function* readBody(answer: HttpAnswer): AsyncGenerator<unknown> {
  if ((answer.header("content-encoding") ?? "identity") !== "identity")
    throw new ParleyError("AGENT_REPLY_INVALID", { detail: "the answer is compressed, which Parley did not ask for" });
  const { first, body } = await peekLine(answer.body);
  if (isStreamItem(first)) yield* streamed(readJsonLines(body));
  else yield* whole(await readJsonBody(body));
}

async function* streamed(lines: AsyncIterable<unknown>): AsyncGenerator<unknown> {
  const open = new Set<string>();
  let newest: string | undefined;
  let isOver = false;
  for await (const line of lines) {
    const parsed = StreamItem.safeParse(line);
    if (!parsed.success) throw new ParleyError("AGENT_REPLY_INVALID", { detail: "a line is no item of n8n's stream" });
    const { type, content, metadata } = parsed.data;
    const node = `${metadata?.nodeId ?? ""}:${metadata?.runIndex ?? 0}`;
    if (type === "error") throw new ParleyError("AGENT_CRASHED", { detail: "the workflow ended with an error" });
    if (type === "begin") open.add(node);
    if (type === "end") open.delete(node);
    isOver = open.size === 0 && type === "end";
    if (type !== "item" || content === undefined || content === "") continue;
    // What another node says is another paragraph.
    if (newest !== undefined && newest !== node) yield { type: "text_delta", markdown: "\n\n" };
    newest = node;
    yield { type: "text_delta", markdown: content };
  }
  if (isOver) yield { type: "done" };
}

function* whole(value: unknown): Generator<unknown> {
  const item: unknown = Array.isArray(value) ? value[0] : value;
  const parsed = WholeAnswer.safeParse(item);
  const text = parsed.success ? (parsed.data.output ?? parsed.data.text ?? parsed.data.message) : undefined;
  if (text === undefined)
    throw new ParleyError("AGENT_REPLY_INVALID", {
      detail: "the answer has none of the fields output, text and message",
    });
  if (text === "Workflow was started")
    throw new ParleyError("AGENT_REPLY_INVALID", {
      detail:
        "the workflow answers before it has run; set its trigger to respond when the last node finishes, or to stream",
    });
  yield { type: "text_delta", markdown: text };
  yield { type: "done" };
}

/** The value of a body's first line, undefined where it is no JSON by itself, and the body with that line still in it. */
async function peekLine(
  source: AsyncIterable<Uint8Array>,
): Promise<{ readonly first: unknown; readonly body: AsyncIterable<Uint8Array> }> {
  const iterator = source[Symbol.asyncIterator]();
  const taken: Uint8Array[] = [];
  let takenBytes = 0;
  let isWhole = false;
  while (takenBytes <= MAX_FIRST_LINE_BYTES && !isWhole) {
    const step = await iterator.next();
    if (step.done === true) break;
    taken.push(step.value);
    takenBytes += step.value.byteLength;
    isWhole = step.value.includes(LINE_FEED);
  }
  const [line = ""] = Buffer.concat(taken).toString("utf8").split("\n", 1);
  return { first: valueOf(line), body: replayed(taken, iterator) };
}

async function* replayed(taken: readonly Uint8Array[], rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* taken;
  for (let step = await rest.next(); step.done !== true; step = await rest.next()) yield step.value;
}

function valueOf(line: string): unknown {
  try {
    return parseGuardedJson(line);
  } catch {
    return undefined;
  }
}

function isStreamItem(value: unknown): boolean {
  return StreamItem.safeParse(value).success;
}
