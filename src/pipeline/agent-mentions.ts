import type { AgentMention } from "../contracts/adapter-sink.ts";
import type { DirectoryAgent } from "./directory.ts";

/** The same list for the same agents, so that whoever asks for every message can keep what they make of it. */
export function rememberMentions(): (agents: readonly DirectoryAgent[]) => readonly AgentMention[] {
  const known = new WeakMap<readonly DirectoryAgent[], readonly AgentMention[]>();
  return (agents) => {
    const mentions =
      known.get(agents) ?? agents.map(({ agentId, handle, identity }) => ({ agentId, handle, name: identity.name }));
    known.set(agents, mentions);
    return mentions;
  };
}
