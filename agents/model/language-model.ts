import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import type { LanguageModel } from "ai";
import type { GuardedHttp } from "../shared/guarded-http.ts";
import type { Endpoint } from "./endpoint.ts";
import { createModelFetch } from "./fetch.ts";

// The SDK's own warnings go to the process's stderr and are no part of a structured log.
globalThis.AI_SDK_LOG_WARNINGS = false;

export interface LanguageModelOptions {
  readonly endpoint: Endpoint;
  readonly modelName: string;
  readonly http: GuardedHttp;
  readonly signal: AbortSignal;
  readonly firstByteTimeoutMs: number;
  readonly idempotencyKey: () => string;
}

/** Guarantees the AI SDK's model of an endpoint, calling through the guarded HTTP client and reading no environment. */
export function createLanguageModel(options: LanguageModelOptions): LanguageModel {
  const { endpoint, modelName } = options;
  const fetch = createModelFetch({ ...options, provider: endpoint.provider });
  if (endpoint.provider === "anthropic") {
    // Without a key the SDK would look for one in the environment; toEndpoint has refused that case.
    return createAnthropic({ baseURL: endpoint.baseUrl, apiKey: endpoint.apiKey ?? "", fetch }).languageModel(
      modelName,
    );
  }
  const provider = createOpenAICompatible({
    name: "openai-compatible",
    baseURL: endpoint.baseUrl,
    includeUsage: true,
    fetch,
    ...(endpoint.apiKey !== undefined && { apiKey: endpoint.apiKey }),
  });
  return provider.chatModel(modelName);
}
