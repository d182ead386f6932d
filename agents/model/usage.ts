import type { LanguageModelUsage } from "ai";
import type { Usage } from "../../src/envelope/reply-event.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";
import type { Prices } from "./config.ts";

type CountedUsage = Pick<LanguageModelUsage, "inputTokens" | "outputTokens"> & {
  readonly inputTokenDetails: Pick<LanguageModelUsage["inputTokenDetails"], "cacheReadTokens">;
  readonly outputTokenDetails: Pick<LanguageModelUsage["outputTokenDetails"], "reasoningTokens">;
};

/** Guarantees what a turn used as far as the endpoint said so, with its cost where prices are known. Cached input is part of the input, reasoning of the output. */
export function toUsage(usage: CountedUsage, model: string, prices: Prices | undefined): Usage {
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

/** Guarantees the sum over steps; what none of them told is not known. */
export function sumUsage(steps: readonly CountedUsage[]): CountedUsage {
  const sum = (read: (step: CountedUsage) => number | undefined): number | undefined =>
    steps.map(read).reduce((total, value) => (value === undefined ? total : (total ?? 0) + value), undefined);
  return {
    inputTokens: sum((step) => step.inputTokens),
    outputTokens: sum((step) => step.outputTokens),
    inputTokenDetails: { cacheReadTokens: sum((step) => step.inputTokenDetails.cacheReadTokens) },
    outputTokenDetails: { reasoningTokens: sum((step) => step.outputTokenDetails.reasoningTokens) },
  };
}

/** Guarantees the same error with what was used before it, as facts that are counted with the turn. */
export function withSpent(error: ParleyError, spent: Usage): ParleyError {
  const { inputTokens, outputTokens, costMicroUsd } = spent;
  if (inputTokens === undefined && outputTokens === undefined) return error;
  return new ParleyError(error.code, {
    cause: error.cause,
    delivery: error.delivery,
    ...(error.detail !== undefined && { detail: error.detail }),
    ...(error.retryAfterMs !== undefined && { retryAfterMs: error.retryAfterMs }),
    facts: {
      ...error.facts,
      inputTokens: inputTokens ?? 0,
      outputTokens: outputTokens ?? 0,
      ...(costMicroUsd !== undefined && { costMicroUsd }),
    },
  });
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
