import { randomUUID } from "node:crypto";
import { streamText } from "ai";
import { type CallingOptions, GuardedCalls } from "../shared/guarded-calls.ts";
import type { ModelConfig } from "./config.ts";
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
  options: CallingOptions = {},
): (prompt: WriterPrompt, signal: AbortSignal) => AsyncGenerator<string> {
  const { http, idleTimeoutMs: firstByteTimeoutMs } = new GuardedCalls(options);
  return async function* write(prompt, signal) {
    try {
      const endpoint = toEndpoint(config);
      const modelName = config.model ?? chooseModel(endpoint.provider, await listModels(endpoint, http, signal));
      const key = randomUUID();
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
