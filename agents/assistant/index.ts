import type { AgentDefinitionInput } from "../../src/contracts/agent-definition.ts";

/** How one provider is reached, as the environment says it. */
export interface ModelSettings {
  readonly apiKey?: string | undefined;
  readonly baseUrl?: string | undefined;
  readonly model?: string | undefined;
}

export interface AssistantSettings {
  /** OPENAI_API_KEY, OPENAI_BASE_URL, OPENAI_MODEL. */
  readonly openai?: ModelSettings;
  /** ANTHROPIC_API_KEY, ANTHROPIC_BASE_URL, ANTHROPIC_MODEL. */
  readonly anthropic?: ModelSettings;
}

const INSTRUCTIONS = [
  "You are the general assistant of this team. Answer questions, help to write, think along and summarise what was said here.",
  "Answer in Markdown, as briefly as the question allows, in the language of the question. Say so when you do not know or cannot see something; never invent.",
  "For questions about Parley itself, the chat service you live in, point to @guide.",
].join("\n");

/**
 * Guarantees the built-in agent `assistant`: the model behind whichever provider is set up.
 *
 * An OpenAI-compatible endpoint comes first when both are. With neither the agent exists and says what to set.
 */
export function createAssistantDefinition(settings: AssistantSettings): AgentDefinitionInput {
  return {
    handle: "assistant",
    name: "Assistant",
    description: "Answers questions and helps to write, with the model this installation is set up with",
    turnMode: "steer",
    connector: { kind: "model", instructions: INSTRUCTIONS, ...pickProvider(settings) },
  };
}

/** Says whether a key or base URL is set, so that the assistant can answer. */
export function isAssistantConfigured(settings: AssistantSettings): boolean {
  return isSet(settings.openai?.apiKey) || isSet(settings.openai?.baseUrl) || isSet(settings.anthropic?.apiKey);
}

function pickProvider({ openai = {}, anthropic = {} }: AssistantSettings): Record<string, string> {
  const hasOpenAi = isSet(openai.apiKey) || isSet(openai.baseUrl);
  if (!hasOpenAi && isSet(anthropic.apiKey)) return { provider: "anthropic", ...withoutEmpty(anthropic) };
  return { provider: "openai-compatible", ...withoutEmpty(openai) };
}

function withoutEmpty({ apiKey, baseUrl, model }: ModelSettings): Record<string, string> {
  return Object.fromEntries(
    Object.entries({ apiKey, baseUrl, model }).filter((entry): entry is [string, string] => isSet(entry[1])),
  );
}

function isSet(value: string | undefined): value is string {
  return value !== undefined && value !== "";
}
