import { z } from "zod";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { readJsonBody } from "../shared/bounded-body.ts";
import type { GuardedHttp } from "../shared/guarded-http.ts";
import type { ModelConfig } from "./config.ts";
import { modelResponseToError } from "./errors.ts";

/** Environment variables that set up a provider, as messages name them. */
export const PROVIDER_VARIABLES = {
  "openai-compatible": { key: "OPENAI_API_KEY", baseUrl: "OPENAI_BASE_URL", model: "OPENAI_MODEL" },
  anthropic: { key: "ANTHROPIC_API_KEY", baseUrl: "ANTHROPIC_BASE_URL", model: "ANTHROPIC_MODEL" },
} as const;

const OWN_BASE_URL = {
  "openai-compatible": "https://api.openai.com/v1",
  anthropic: "https://api.anthropic.com/v1",
} as const;
/** Asked for when the endpoint lists it and the configuration names none; the first that is there is taken. */
const KNOWN_MODELS = {
  "openai-compatible": ["gpt-6-luna", "gpt-6-astra", "gpt-5.1", "gpt-5-mini", "gpt-5"],
  anthropic: ["claude-sonnet-5-5", "claude-sonnet-4-6", "claude-sonnet-4-5"],
} as const;

/** An endpoint that can be called. */
export interface Endpoint {
  readonly provider: ModelConfig["provider"];
  readonly baseUrl: string;
  readonly apiKey: string | undefined;
}

/** Guarantees a callable endpoint; throws AGENT_NOT_CONFIGURED naming the variables that are missing. */
export function toEndpoint(config: ModelConfig): Endpoint {
  const variables = PROVIDER_VARIABLES[config.provider];
  if (config.provider === "anthropic" && config.apiKey === undefined) {
    throw new ParleyError("AGENT_NOT_CONFIGURED", {
      detail: `no key: set ${variables.key} (and ${variables.baseUrl} for another address than Anthropic's own)`,
    });
  }
  if (config.provider === "openai-compatible" && config.apiKey === undefined && config.baseUrl === undefined) {
    throw new ParleyError("AGENT_NOT_CONFIGURED", {
      detail: `neither key nor address: set ${variables.key} for OpenAI, or ${variables.baseUrl} for another OpenAI-compatible endpoint (with ${variables.key} if it wants one), or ${PROVIDER_VARIABLES.anthropic.key} for Anthropic`,
    });
  }
  return {
    provider: config.provider,
    baseUrl: normalizeBaseUrl(config.provider, config.baseUrl),
    apiKey: config.apiKey,
  };
}

/** Anthropic's own tools take the address without the version, its API with it; both spellings work here. */
function normalizeBaseUrl(provider: ModelConfig["provider"], baseUrl: string | undefined): string {
  const text = (baseUrl ?? OWN_BASE_URL[provider]).replace(/\/+$/, "");
  return provider === "anthropic" && new URL(text).pathname === "/" ? `${text}/v1` : text;
}

/** Guarantees the headers that authenticate a call outside of the AI SDK. */
function authHeaders(endpoint: Endpoint): Record<string, string> {
  if (endpoint.apiKey === undefined) return {};
  return endpoint.provider === "anthropic"
    ? { "x-api-key": endpoint.apiKey, "anthropic-version": "2023-06-01" }
    : { authorization: `Bearer ${endpoint.apiKey}` };
}

const ModelList = z.object({ data: z.array(z.object({ id: z.string().min(1).max(256) })).max(10_000) });
const MAX_LIST_BYTES = 2_000_000;

/** Guarantees the names of the models the endpoint offers, or undefined when it has no such list; throws what the call throws. */
export async function listModels(
  endpoint: Endpoint,
  http: GuardedHttp,
  signal: AbortSignal,
): Promise<readonly string[] | undefined> {
  const answer = await http.call(`${endpoint.baseUrl}/models`, {
    method: "GET",
    headers: authHeaders(endpoint),
    signal,
  });
  try {
    if (answer.status === 404 || answer.status === 405) return undefined;
    if (answer.status !== 200) throw await modelResponseToError(answer, endpoint.provider);
    const parsed = ModelList.safeParse(await readJsonBody(answer.body, MAX_LIST_BYTES));
    return parsed.success ? parsed.data.data.map((model) => model.id) : undefined;
  } finally {
    answer.discard();
  }
}

/** Guarantees the name of the model to ask when the configuration names none; throws AGENT_NOT_CONFIGURED when that is not plain. */
export function chooseModel(provider: ModelConfig["provider"], listed: readonly string[] | undefined): string {
  const known = KNOWN_MODELS[provider].find((name) => listed?.includes(name) ?? false);
  const [only, ...others] = listed ?? [];
  const chosen = known ?? (others.length === 0 ? only : undefined);
  if (chosen !== undefined) return chosen;
  const offered =
    listed === undefined || listed.length === 0
      ? "it lists none"
      : `it offers ${listed.slice(0, 5).join(", ")}${listed.length > 5 ? " and others" : ""}`;
  throw new ParleyError("AGENT_NOT_CONFIGURED", {
    detail: `no model is named: set ${PROVIDER_VARIABLES[provider].model} to a model of the endpoint (${offered})`,
  });
}
