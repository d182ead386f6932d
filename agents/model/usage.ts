import type { LanguageModelUsage } from "ai";
import type { Usage } from "../../src/envelope/reply-event.ts";
import type { Prices } from "./config.ts";

/** Guarantees what a turn used as far as the endpoint said so, with its cost where prices are known. Cached input is part of the input, reasoning of the output. */
export function toUsage(usage: LanguageModelUsage, model: string, prices: Prices | undefined): Usage {
  const inputTokens = count(usage.inputTokens);
  const outputTokens = count(usage.outputTokens);
  const cachedInputTokens = count(usage.inputTokenDetails.cacheReadTokens);
  const reasoningTokens = count(usage.outputTokenDetails.reasoningTokens);
  return {
    model: model.slice(0, 128),
    ...(inputTokens !== undefined && { inputTokens }),
    ...(outputTokens !== undefined && { outputTokens }),
    ...(cachedInputTokens !== undefined && { cachedInputTokens }),
    ...(reasoningTokens !== undefined && { reasoningTokens }),
    ...(prices !== undefined && {
      costMicroUsd: costOf(
        inputTokens ?? 0,
        Math.min(cachedInputTokens ?? 0, inputTokens ?? 0),
        outputTokens ?? 0,
        prices,
      ),
    }),
  };
}

/** Dollars for a million tokens are millionths of a dollar for one. */
function costOf(input: number, cached: number, output: number, prices: Prices): number {
  const cachedPrice = prices.cachedInputPerMillionUsd ?? prices.inputPerMillionUsd;
  return Math.ceil(
    (input - cached) * prices.inputPerMillionUsd + cached * cachedPrice + output * prices.outputPerMillionUsd,
  );
}

function count(value: number | undefined): number | undefined {
  return value !== undefined && Number.isInteger(value) && value >= 0 ? value : undefined;
}
