import type { AgentMention } from "../../src/contracts/adapter-sink.ts";

/** Finds agents by what people write: handles, and names after the bot was mentioned. */
export interface AgentIndex {
  byHandle(word: string): string | undefined;
  /** The handle of the agent whose handle or name the text begins with, and how long that beginning is. */
  atStartOf(text: string): { readonly handle: string; readonly length: number } | undefined;
}

/** Agents that exist now; the index of equal lists is reused. */
export function agentIndex(agents: readonly AgentMention[]): AgentIndex {
  const known = indexes.get(agents);
  if (known !== undefined) return known;
  const handles = new Map(agents.map((agent) => [agent.handle.toLowerCase(), agent.handle]));
  const words = agents
    .flatMap((agent) => [
      { word: agent.handle.toLowerCase(), handle: agent.handle },
      { word: agent.name.toLowerCase(), handle: agent.handle },
    ])
    .toSorted((a, b) => b.word.length - a.word.length);
  const index: AgentIndex = {
    byHandle: (word) => handles.get(word.toLowerCase()),
    atStartOf: (text) => {
      const lower = text.slice(0, 100).toLowerCase();
      for (const { word, handle } of words) {
        if (lower.startsWith(word) && !/^[\p{L}\p{N}_-]/u.test(lower.slice(word.length)))
          return { handle, length: word.length };
      }
      return undefined;
    },
  };
  indexes.set(agents, index);
  return index;
}

const indexes = new WeakMap<readonly AgentMention[], AgentIndex>();
