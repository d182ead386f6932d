import { DeferredReply } from "../../src/contracts/deferred-reply.ts";
import { MAX_REPLY_PARTS, Reply } from "../../src/envelope/reply.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { readJsonBody, readJsonLines } from "../shared/bounded-body.ts";
import { describeIssues } from "../shared/describe-fault.ts";
import { readEventStream } from "../shared/event-stream.ts";
import type { HttpAnswer } from "../shared/guarded-http.ts";
import { failedResponseToError } from "../shared/http-errors.ts";

export interface ResponseContext {
  /** Time left until the turn's deadline, in ms. */
  readonly remainingMs: number;
  readonly nowMs: number;
}

/**
 * Guarantees the raw events of a webhook agent's answer, whatever its form; guardedReply checks them.
 *
 * 200 with JSON is a whole reply, with `application/x-ndjson` or `text/event-stream` a stream of reply events; 202 means later;
 * 204 means that the agent has nothing to say. Everything else throws.
 */
export async function* readAnswer(answer: HttpAnswer, context: ResponseContext): AsyncGenerator<unknown> {
  try {
    if (answer.status === 202) {
      yield { type: "deferred", deadlineMs: context.remainingMs };
    } else if (answer.status === 204) {
      yield { type: "done", stopReason: "end" };
    } else if (answer.status === 200 || answer.status === 201) {
      yield* readBody(answer);
    } else {
      throw failedResponseToError({
        status: answer.status,
        retryAfter: answer.header("retry-after"),
        nowMs: context.nowMs,
      });
    }
  } finally {
    answer.discard();
  }
}

/** Guarantees one `deferred` for whatever a hook says at once, which is no reply: it comes to the reply address. Anything but a 2xx throws. */
export function* readAcknowledgement(answer: HttpAnswer, context: ResponseContext): Generator<unknown> {
  const { status } = answer;
  answer.discard();
  if (status < 200 || status > 299)
    throw failedResponseToError({ status, retryAfter: answer.header("retry-after"), nowMs: context.nowMs });
  yield { type: "deferred", deadlineMs: context.remainingMs };
}

async function* readBody(answer: HttpAnswer): AsyncGenerator<unknown> {
  const encoding = answer.header("content-encoding");
  if (encoding !== undefined && encoding !== "identity") {
    throw new ParleyError("AGENT_REPLY_INVALID", { detail: "the answer is compressed, which Parley did not ask for" });
  }
  switch (mediaTypeOf(answer.header("content-type"))) {
    case "application/json":
      yield* wholeReply(await readJsonBody(answer.body));
      break;
    case "application/x-ndjson":
      yield* readJsonLines(answer.body);
      break;
    case "text/event-stream":
      yield* readEventStream(answer.body);
      break;
    default:
      throw new ParleyError("AGENT_REPLY_INVALID", {
        detail: "the answer's content-type must be application/json, application/x-ndjson or text/event-stream",
      });
  }
}

function* wholeReply(value: unknown): Generator<unknown> {
  if (
    typeof value === "object" &&
    value !== null &&
    "parts" in value &&
    Array.isArray(value.parts) &&
    value.parts.length > MAX_REPLY_PARTS
  ) {
    throw new ParleyError("AGENT_REPLY_TOO_LARGE", { detail: `the reply has more than ${MAX_REPLY_PARTS} parts` });
  }
  // Of the two forms the one that was meant is judged, so that the fault names the part and not "either form".
  const isWhole = typeof value === "object" && value !== null && "parts" in value;
  const parsed = (isWhole ? Reply : DeferredReply).safeParse(value);
  if (!parsed.success) {
    throw new ParleyError("AGENT_REPLY_INVALID", {
      detail: `the answer is neither a reply nor { "text": … }: ${describeIssues(parsed.error)}`,
    });
  }
  if ("text" in parsed.data) yield { type: "text_delta", markdown: parsed.data.text };
  else for (const part of parsed.data.parts) yield { type: "part", part };
  yield { type: "done", stopReason: "end" };
}

function mediaTypeOf(contentType: string | undefined): string {
  return (contentType ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
}
