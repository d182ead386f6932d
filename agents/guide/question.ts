import type { TurnRequest } from "../../src/contracts/connector.ts";
import type { AgentView } from "../../src/contracts/operations.ts";

/** Where an answer can come from: the documentation, or one aspect of the live state. */
export type Source =
  | "self"
  | "agents"
  | "people"
  | "rooms"
  | "queue"
  | "platforms"
  | "failures"
  | "health"
  | "explain"
  | "documentation";

export interface Question {
  readonly text: string;
  readonly sources: readonly Source[];
  /** Handles of agents that the question names, whether they exist or not; the guide's own is left out. */
  readonly namedHandles: readonly string[];
}

/** Asked for a way of doing something, or for what something is: the documentation's business, not the state's. */
const HOW_TO =
  /\b(how (do|can|to|should|would|does|did)|configure|set ?up|install|connect|enable|add|change|deploy|write|create|build|what (is|are) an?|what does|what happens|difference|mean)\b|\bhow (is|are)\b.*\b(kept|handled|stored|made|done|sent|delivered|decided|ordered|protected|encrypted)\b/;

const LIVE: readonly (readonly [Source, RegExp])[] = [
  [
    "explain",
    /\b(why|explain)\b.*\b(not|no|never|n't|didn|doesn|isn|fail|ignore|silent|answer|repl|respon)|\b(didn'?t|did not|doesn'?t|does not|never|no) (answer|reply|respond)/,
  ],
  [
    "agents",
    /\b(which|what|list|show|any|other|many|all|your)\b.*\b(agents|bots|assistants)\b|\b(agents|bots|assistants)\b.*\b(here|there|available|registered|active|online)\b|^\W*(agents|bots)\b|\bwho (can|could) (answer|help)\b/,
  ],
  [
    "people",
    /\bwho\b.*\b(here|room|channel|thread|conversation|present|member|online|there)\b|\b(people|members|roster|participants)\b/,
  ],
  [
    "rooms",
    /\b(which|what|list|show|many|all|other)\b.*\b(rooms|channels|conversations)\b|^\W*(rooms|channels)\b|\b(where am i|(this|what|which) (room|channel))\b/,
  ],
  ["queue", /\b(queues?|queued|backlog|waiting|pending|stuck|slow|delay(ed)?|busy|load)\b/],
  ["platforms", /\b(platforms?|slack|discord|matrix|connected|connections?|installations?|workspaces?)\b/],
  ["failures", /\b(dead ?letters?|failed|failures?|errors?|lost|broken)\b/],
  ["health", /\b(status|health|healthy|running|alive|ledger|database|redis|postgres(ql)?|ok(ay)?)\b/],
];

const SELF =
  /^\W*(hi|hello|hey|help|thanks?|thank you)\b|\b(what|who) (can|do|are) you\b|\bwhat are you\b|\byour (abilities|capabilities|purpose)\b|\bhelp me\b/;

/**
 * Guarantees which sources a question is about; the documentation always is, unless the live state alone can answer.
 *
 * "How do I connect Slack?" is for the documentation, with Slack's state beside it; "is Slack connected?" is for the state.
 */
export function understand(request: TurnRequest, agents: readonly AgentView[]): Question {
  const own = request.agent.handle;
  const text = request.trigger.text.replace(new RegExp(`^\\s*@?${escape(own)}\\b[\\s,:]*`, "i"), "").trim();
  const lower = text.toLowerCase();
  const known = new Set(agents.map((agent) => agent.handle));
  const atHandles = [...lower.matchAll(/@([a-z][a-z0-9_-]{0,31})/g)].map((match) => match[1] ?? "");
  const named = agents
    .filter((agent) => new RegExp(`\\b(${escape(agent.handle)}|${escape(agent.name.toLowerCase())})\\b`).test(lower))
    .map((agent) => agent.handle);
  const namedHandles = [...new Set([...atHandles, ...named])].filter((handle) => handle !== own || known.size === 0);
  return { text, namedHandles, sources: sourcesOf(lower, namedHandles) };
}

function sourcesOf(lower: string, namedHandles: readonly string[]): readonly Source[] {
  const live = LIVE.filter(([, pattern]) => pattern.test(lower)).map(([source]) => source);
  if (live.includes("explain")) return ["explain"];
  if (lower === "" || SELF.test(lower)) return ["self", ...live.filter((source) => source !== "people")];
  const isAboutState = /^\W*(@\S+\W+)*(is|are|has|have|was|were)\b/.test(lower);
  if (HOW_TO.test(lower) && !isAboutState) return ["documentation", ...live.filter((source) => source === "platforms")];
  const isAboutAgent = namedHandles.length > 0 && !live.includes("agents");
  const found: readonly Source[] = isAboutAgent ? [...live, "agents"] : live;
  // "Who is in this room" is about people; "which rooms are there" is not about who.
  const sharpened =
    found.includes("people") && found.includes("rooms") ? found.filter((source) => source !== "rooms") : found;
  return sharpened.length > 0 ? [...sharpened, "documentation"] : ["documentation"];
}

function escape(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
