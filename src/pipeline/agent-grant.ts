import { type ChannelGrant, decideChannelGrant } from "../access/channel-grant.ts";
import type { ConversationPath } from "../envelope/conversation.ts";
import type { DirectoryAgent } from "./directory.ts";

/** What of a channel decides who is in it. */
export interface GrantChannel {
  readonly id: string;
  readonly name?: string | null | undefined;
  readonly kind: ConversationPath["channel"]["kind"];
  readonly agents?: readonly string[] | undefined;
}

/** Whether an agent is a member of a channel; the one way from an agent and a channel to the rule. Default: a channel that stands, with the identity in it. */
export function grantIn(
  agent: DirectoryAgent,
  channel: GrantChannel,
  state: { readonly archived?: boolean; readonly identityInChannel?: boolean } = {},
): ChannelGrant {
  return decideChannelGrant({
    agentHandle: agent.handle,
    agentChannels: agent.definition.channels,
    channelId: channel.id,
    channelName: channel.name ?? undefined,
    channelKind: channel.kind,
    channelAgents: channel.agents,
    archived: state.archived ?? false,
    identityInChannel: state.identityInChannel ?? true,
  });
}
