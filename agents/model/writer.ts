import { randomUUID } from "node:crypto";
import { streamText } from "ai";
import { CLOSED_NETWORK } from "../shared/address-policy.ts";
import { DEFAULT_FIRST_BYTE_TIMEOUT_MS, GuardedHttp } from "../shared/guarded-http.ts";
import type { ModelConfig } from "./config.ts";
import type { ModelConnectorOptions } from "./connector.ts";
import { chooseModel, listModels, toEndpoint } from "./endpoint.ts";
import { modelFailureToError } from "./errors.ts";
import { createLanguageModel } from "./language-model.ts";
import { StreamTranslator } from "./stream-translator.ts";

/** What is to be put into words. */
export interface WriterPrompt {
  readonly instructions: string;
  readonly question: string;
  readonly facts: string;
}

/** Guarantees a function that lets a model put given facts into words, without tools and in one step; it throws what a turn would. */
export function createModelWriter(
  config: ModelConfig,
  options: ModelConnectorOptions = {},
): (prompt: WriterPrompt, signal: AbortSignal) => AsyncGenerator<string> {
  const http = new GuardedHttp({
    network: options.network ?? CLOSED_NETWORK,
    ...(options.resolve && { resolve: options.resolve }),
  });
  return async function* write(prompt, signal) {
    try {
      const endpoint = toEndpoint(config);
      const modelName = config.model ?? chooseModel(endpoint.provider, await listModels(endpoint, http, signal));
      const key = randomUUID();
      const firstByteTimeoutMs = options.idleTimeoutMs ?? DEFAULT_FIRST_BYTE_TIMEOUT_MS;
      const translator = new StreamTranslator({ modelName });
      const result = streamText({
        model: createLanguageModel({
          endpoint,
          modelName,
          http,
          signal,
          firstByteTimeoutMs,
          idempotencyKey: () => key,
        }),
        instructions: prompt.instructions,
        prompt: JSON.stringify({ question: prompt.question, facts: prompt.facts }),
        abortSignal: signal,
        maxOutputTokens: config.maxOutputTokens,
        maxRetries: 0,
        onError: () => undefined,
      });
      for await (const part of result.stream) {
        for (const event of translator.translate(part)) if (event.type === "text_delta") yield event.markdown;
      }
      // A cut-off answer throws here.
      for (const event of translator.end()) if (event.type === "text_delta") yield event.markdown;
    } catch (thrown) {
      throw modelFailureToError(thrown);
    }
  };
}
