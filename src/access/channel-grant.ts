/** Whether an agent is a member of a channel, and by which rule; what is not known is denied. */
export interface ChannelGrant {
  readonly member: boolean;
  readonly rule:
    | "agent_in_channel"
    | "agent_invited"
    | "agent_not_in_channel"
    | "channel_archived"
    | "identity_not_in_channel";
}

export interface ChannelGrantFacts {
  readonly agentChannels: readonly string[];
  readonly channelId: string;
  readonly channelName: string | undefined;
  readonly channelKind: "public" | "private" | "direct" | "group_direct";
  readonly archived: boolean;
  readonly agentHandle: string;
  /** Handles of the agents that the platform itself says are in the channel; undefined where it does not keep them apart. */
  readonly channelAgents: readonly string[] | undefined;
  /** False once the installation's own identity was removed from the channel. */
  readonly identityInChannel: boolean;
  /** A person with the right invited it into this channel, and the invitation stands. */
  readonly invited: boolean;
}

/**
 * An agent inherits the membership of its installation's identity, narrowed to the channels its definition names.
 *
 * Where the platform says which agents are in a channel, that decides alone. Other direct messages belong to whoever is addressed in
 * them, so name patterns do not narrow those.
 */
export function decideChannelGrant(facts: ChannelGrantFacts): ChannelGrant {
  if (facts.archived) return { member: false, rule: "channel_archived" };
  if (!facts.identityInChannel) return { member: false, rule: "identity_not_in_channel" };
  if (facts.channelAgents !== undefined) {
    const named = facts.channelAgents.includes(facts.agentHandle);
    return { member: named, rule: named ? "agent_in_channel" : "agent_not_in_channel" };
  }
  const direct = facts.channelKind === "direct" || facts.channelKind === "group_direct";
  if (direct || facts.agentChannels.some((pattern) => matchesChannel(pattern, facts)))
    return { member: true, rule: "agent_in_channel" };
  if (facts.invited) return { member: true, rule: "agent_invited" };
  return { member: false, rule: "agent_not_in_channel" };
}

/** A pattern names a channel by its id or by its name, where `*` stands for any run of characters and a leading # is ignored. */
export function matchesChannel(
  pattern: string,
  channel: { channelId: string; channelName: string | undefined },
): boolean {
  if (pattern === "*" || pattern === channel.channelId) return true;
  if (channel.channelName === undefined) return false;
  const pieces = pattern.replace(/^#/, "").toLowerCase().split("*");
  const name = channel.channelName.replace(/^#/, "").toLowerCase();
  if (pieces.length === 1) return name === pieces[0];
  return matchPieces(name, pieces);
}

function matchPieces(name: string, pieces: readonly string[]): boolean {
  const first = pieces[0] ?? "";
  const last = pieces.at(-1) ?? "";
  if (!name.startsWith(first) || !name.endsWith(last) || name.length < first.length + last.length) return false;
  let from = first.length;
  const end = name.length - last.length;
  for (const piece of pieces.slice(1, -1)) {
    const found = name.indexOf(piece, from);
    if (found < 0 || found + piece.length > end) return false;
    from = found + piece.length;
  }
  return true;
}
