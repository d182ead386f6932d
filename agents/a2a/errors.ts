import { A2AError } from "@a2a-js/sdk/errors";
import type { ErrorCode } from "../../src/errors/codes.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { describeThrown } from "../shared/describe-fault.ts";
import { findInCauses, findParleyError } from "../shared/error-causes.ts";

interface Meaning {
  readonly code: ErrorCode;
  readonly detail: string;
}

/** What the protocol's own errors mean here, by the SDK's names of them. */
const MEANINGS: Readonly<Record<string, Meaning>> = {
  TaskNotFoundError: { code: "AGENT_REFUSED", detail: "the agent does not know the task any more" },
  TaskNotCancelableError: { code: "AGENT_REFUSED", detail: "the agent does not let the task be cancelled" },
  PushNotificationNotSupportedError: { code: "AGENT_REFUSED", detail: "the agent sends no notifications" },
  UnsupportedOperationError: { code: "AGENT_REFUSED", detail: "the agent does not do what was asked of it" },
  ContentTypeNotSupportedError: { code: "AGENT_REFUSED", detail: "the agent does not take this kind of content" },
  InvalidAgentResponseError: { code: "AGENT_REPLY_INVALID", detail: "the answer does not fit the protocol" },
  ExtendedAgentCardNotConfiguredError: { code: "AGENT_REFUSED", detail: "the agent has no further card" },
  ExtensionSupportRequiredError: {
    code: "AGENT_REFUSED",
    detail: "the agent requires an extension of A2A that Parley does not know",
  },
  VersionNotSupportedError: {
    code: "AGENT_NOT_CONFIGURED",
    detail: "the agent speaks another version of A2A than its card says; set protocol to 1.0 or 0.3",
  },
  // What the other side says of a request comes wrapped, or is told apart by the call; else it is the SDK that cannot read the answer.
  RequestMalformedError: { code: "AGENT_REPLY_INVALID", detail: "the answer does not fit the protocol" },
};

const INVALID_PARAMS = -32_602;

const INTERNAL_ERROR = -32_603;
const METHOD_NOT_FOUND = -32_601;

/** Guarantees a ParleyError for whatever the SDK or a call threw; the other side's words are never taken over. */
export function a2aFailureToError(thrown: unknown): ParleyError {
  const own = findParleyError(thrown);
  if (own !== undefined) return own;
  const said = protocolErrorIn(thrown);
  if (said === undefined) {
    return new ParleyError("AGENT_REPLY_INVALID", {
      detail: `the answer does not fit A2A (${describeThrown(thrown)})`,
    });
  }
  if (said.name === "RequestMalformedError" && said !== thrown) return malformedRequest();
  const meaning = MEANINGS[said.name];
  if (meaning !== undefined) return new ParleyError(meaning.code, { detail: meaning.detail });
  const code = envelopeCodeOf(said);
  if (code === INTERNAL_ERROR)
    return new ParleyError("AGENT_CRASHED", { detail: "the agent reports an error of its own" });
  return new ParleyError("AGENT_REFUSED", {
    detail: `the agent answered with error ${code ?? "of no code"} of JSON-RPC`,
  });
}

/** Throws for an answer that says that the request is malformed, which the SDK does not tell from an answer that is. */
export function throwIfRequestRefused(body: unknown): void {
  if (typeof body !== "object" || body === null || !("error" in body)) return;
  const { error } = body;
  const code = typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
  if (code === INVALID_PARAMS) throw malformedRequest();
}

function malformedRequest(): ParleyError {
  const facts = { jsonRpcCode: INVALID_PARAMS };
  return new ParleyError("AGENT_REFUSED", { detail: "the agent says that the request is malformed", facts });
}

/** Whether the other side said for certain that it does not take streaming calls, so that nothing was begun. */
export function isNoStreaming(thrown: unknown): boolean {
  const said = protocolErrorIn(thrown);
  return said !== undefined && (said.name === "UnsupportedOperationError" || envelopeCodeOf(said) === METHOD_NOT_FOUND);
}

/** Whether the other side said for certain that it does not go on with what it is reminded of: a task that is over, or a context it forgot. */
export function isMemoryRefused(thrown: unknown): boolean {
  if (thrown instanceof ParleyError) return thrown.facts["jsonRpcCode"] === INVALID_PARAMS;
  const said = protocolErrorIn(thrown);
  const names = ["TaskNotFoundError", "UnsupportedOperationError", "RequestMalformedError"];
  return said !== undefined && names.includes(said.name);
}

function protocolErrorIn(thrown: unknown): A2AError | undefined {
  const found = findInCauses(thrown, (error) => error instanceof A2AError);
  return found instanceof A2AError ? found : undefined;
}

function envelopeCodeOf(error: A2AError): number | undefined {
  return "envelopeCode" in error && typeof error.envelopeCode === "number" ? error.envelopeCode : undefined;
}
