import type { ErrorCode } from "../../src/errors/codes.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { DEFAULT_RETRY_AFTER_MS, parseRetryAfterMs } from "../shared/retry-after.ts";
import { asNumber, asRecord } from "./raw.ts";

/** JSON error codes that callers treat by themselves. https://docs.discord.com/developers/topics/opcodes-and-status-codes#json */
export const DISCORD_CODES = {
  unknownMessage: 10_008,
  unknownWebhook: 10_015,
  unknownInteraction: 10_062,
  missingPermissions: 50_013,
  wrongChannelType: 50_024,
  invalidWebhookToken: 50_027,
  threadExists: 160_004,
} as const;

const rows: readonly (readonly [ErrorCode, readonly number[]])[] = [
  // Unknown channel, guild, member, message, user, webhook, role, emoji, interaction; archived or locked threads.
  ["TARGET_NOT_FOUND", [10_003, 10_004, 10_007, 10_008, 10_011, 10_013, 10_014, 10_015, 10_062, 50_083, 160_005]],
  // No access, no permission, cannot message this user, not verified enough, timed out.
  [
    "PLATFORM_FORBIDDEN",
    [20_001, 20_012, 20_028, 40_001, 40_003, 40_007, 50_001, 50_003, 50_007, 50_009, 50_013, 50_019, 50_021, 50_024],
  ],
  ["EDIT_REFUSED", [50_005]],
  ["PLATFORM_UNAUTHORIZED", [50_014]],
  [
    "CONTENT_REJECTED",
    [
      20_009, 30_010, 30_046, 40_005, 40_094, 50_006, 50_008, 50_016, 50_033, 50_035, 50_045, 50_046, 50_080, 50_109,
      200_000, 200_001, 240_000,
    ],
  ],
  ["FEATURE_UNSUPPORTED", [20_002, 40_333, 50_068, 50_101]],
  ["PLATFORM_UNAVAILABLE", [130_000]],
];

const codeOfJson = new Map<number, ErrorCode>(rows.flatMap(([code, list]) => list.map((one) => [one, code] as const)));

const codeOfStatus: Readonly<Record<number, ErrorCode>> = {
  400: "CONTENT_REJECTED",
  401: "PLATFORM_UNAUTHORIZED",
  403: "PLATFORM_FORBIDDEN",
  404: "TARGET_NOT_FOUND",
  405: "FEATURE_UNSUPPORTED",
  413: "CONTENT_REJECTED",
};

/** What of an answer matters to its error. */
export interface FailedAnswer {
  readonly status: number;
  /** The parsed body, if it was JSON. */
  readonly body: unknown;
  readonly header: (name: string) => string | undefined;
}

/**
 * The error for an answer other than 2xx; only Discord's own 4xx say for certain that nothing happened.
 *
 * A 429 says in its body for how long, and whether for all routes (`global`) or for this one.
 */
export function answerError(method: string, answer: FailedAnswer, nowMs: number): ParleyError {
  const { status } = answer;
  const body = asRecord(answer.body);
  const jsonCode = asNumber(body?.["code"]);
  const facts = { method, status, ...(jsonCode === undefined ? {} : { discordCode: jsonCode }) };
  if (status === 429) {
    const named = asNumber(body?.["retry_after"]);
    const retryAfterMs =
      (named === undefined ? undefined : Math.ceil(Math.max(0, named) * 1_000)) ??
      parseRetryAfterMs(answer.header("retry-after"), nowMs) ??
      DEFAULT_RETRY_AFTER_MS;
    const global = body?.["global"] === true || answer.header("x-ratelimit-scope") === "global";
    return new ParleyError("PLATFORM_RATE_LIMITED", {
      detail: `Discord limits ${method}`,
      retryAfterMs,
      facts: { ...facts, global },
    });
  }
  if (status < 400 || status >= 500)
    return new ParleyError("PLATFORM_OUTCOME_UNKNOWN", { detail: `${method} was answered with HTTP ${status}`, facts });
  const code = (jsonCode === undefined ? undefined : codeOfJson.get(jsonCode)) ?? codeOfStatus[status];
  return new ParleyError(code ?? "PLATFORM_UNAVAILABLE", {
    detail: `Discord answered ${method} with HTTP ${status}${jsonCode === undefined ? "" : ` and code ${jsonCode}`}`,
    facts,
  });
}

/** Discord's own code of a refusal; undefined for failures of another kind. */
export function discordCode(error: unknown): number | undefined {
  const code = error instanceof ParleyError ? error.facts["discordCode"] : undefined;
  return typeof code === "number" ? code : undefined;
}

/** Takes refusals that say "it is so already" for success. */
export async function unlessRefused(codes: readonly number[], work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!codes.includes(discordCode(error) ?? 0)) throw error;
  }
}
