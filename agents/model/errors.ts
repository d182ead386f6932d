import { APICallError, InvalidResponseDataError, JSONParseError, TypeValidationError } from "ai";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { describeThrown } from "../shared/describe-fault.ts";
import { findParleyError } from "../shared/error-causes.ts";
import type { HttpAnswer } from "../shared/guarded-http.ts";
import { failedResponseToError } from "../shared/http-errors.ts";
import type { ModelConfig } from "./config.ts";

const MAX_ERROR_BODY_BYTES = 16_384;

/**
 * Guarantees the error of a model endpoint's response that is no success.
 *
 * Of its body only the provider's own code is taken (`insufficient_quota`): messages quote keys and prompts.
 */
export async function modelResponseToError(
  answer: HttpAnswer,
  provider: ModelConfig["provider"],
): Promise<ParleyError> {
  const variables = provider === "anthropic" ? "ANTHROPIC_API_KEY" : "OPENAI_API_KEY";
  const { status } = answer;
  const code = await readErrorCode(answer);
  const said = `the model's endpoint answered with HTTP ${status}${code === undefined ? "" : ` (${code})`}`;
  const facts = { httpStatus: status };
  if (status === 401 || status === 403) {
    return new ParleyError("AGENT_NOT_CONFIGURED", {
      detail: `${said}: it does not accept the key; check ${variables}`,
      facts,
    });
  }
  if (status === 404) {
    return new ParleyError("AGENT_NOT_CONFIGURED", {
      detail: `${said}: it has no such model, or its address is not where the API begins`,
      facts,
    });
  }
  const error = failedResponseToError({ status, retryAfter: answer.header("retry-after"), nowMs: Date.now() });
  // Anthropic's "overloaded" is a 529: the same as 503 elsewhere.
  const kind = status === 529 ? "AGENT_UNAVAILABLE" : error.code;
  return new ParleyError(kind, {
    detail: said,
    facts,
    ...(error.retryAfterMs !== undefined && { retryAfterMs: error.retryAfterMs }),
  });
}

async function readErrorCode(answer: HttpAnswer): Promise<string | undefined> {
  try {
    const chunks: Uint8Array[] = [];
    let sizeBytes = 0;
    for await (const chunk of answer.body) {
      sizeBytes += chunk.byteLength;
      if (sizeBytes > MAX_ERROR_BODY_BYTES) return undefined;
      chunks.push(chunk);
    }
    return errorCodeOf(JSON.parse(Buffer.concat(chunks).toString("utf8")));
  } catch {
    // Not JSON, or cut off: the status says enough.
    return undefined;
  }
}

/** Guarantees a provider's own error code, if it looks like one. */
function errorCodeOf(body: unknown): string | undefined {
  const error = typeof body === "object" && body !== null && "error" in body ? body.error : body;
  if (typeof error !== "object" || error === null) return undefined;
  const candidates = ["code" in error ? error.code : undefined, "type" in error ? error.type : undefined];
  return candidates.find((value) => typeof value === "string" && /^[a-z][a-z0-9_.-]{1,63}$/.test(value)) as
    | string
    | undefined; // the test above is the proof
}

const TRANSIENT = new Set(["overloaded_error", "rate_limit_error", "rate_limit_exceeded", "server_overloaded"]);

/**
 * Guarantees a ParleyError for what the AI SDK reports while it streams; none of its messages is kept, since they quote what was sent.
 *
 * Failures of the connection are ParleyErrors already: the fetch that was given to the SDK throws nothing else.
 */
export function modelFailureToError(thrown: unknown): ParleyError {
  const own = findParleyError(thrown);
  if (own !== undefined) return own;
  if (InvalidResponseDataError.isInstance(thrown)) {
    return new ParleyError("AGENT_CRASHED", { detail: "the model's answer ended before it was complete" });
  }
  const code = errorCodeOf(thrown);
  const isReported =
    !(thrown instanceof Error) || thrown.name === "AI_StreamProviderError" || APICallError.isInstance(thrown);
  if (!isReported || JSONParseError.isInstance(thrown) || TypeValidationError.isInstance(thrown)) {
    const detail = `the model's answer does not fit the protocol of its endpoint (${describeThrown(thrown)})`;
    return new ParleyError("AGENT_REPLY_INVALID", { detail });
  }
  const kind = code !== undefined && TRANSIENT.has(code) ? "AGENT_UNAVAILABLE" : "AGENT_CRASHED";
  return new ParleyError(kind, {
    detail: `the model's endpoint reported an error while it answered (${code ?? "without a code"})`,
  });
}
