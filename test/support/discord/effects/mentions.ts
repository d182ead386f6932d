import type { Core } from "../core.ts";
import { type AllowedMentions, namesIn, proseOfComponents } from "../model/markup.ts";
import { may } from "../model/permissions.ts";
import type { Channel, Mentions, Wire } from "../model/records.ts";

/** Discord's default: everything in the text counts, and the author of the message that is replied to. */
const EVERYTHING: AllowedMentions = { parse: ["users", "roles", "everyone"], users: [], roles: [], repliedUser: true };

/** Who a message names once allowed_mentions and permissions had their say. */
export function mentionsOf(
  core: Core,
  channel: Channel,
  said: {
    content: string;
    components: readonly Wire[];
    authorId: string;
    isWebhook: boolean;
    allowed: AllowedMentions | undefined;
    repliedToId: string | undefined;
  },
): Mentions {
  const allowed = said.allowed ?? EVERYTHING;
  const named = namesIn([said.content, ...proseOfComponents(said.components)].join("\n"));
  const users = named.users.filter((id) => allowed.parse.includes("users") || allowed.users.includes(id));
  if (said.repliedToId !== undefined && allowed.repliedUser && !users.includes(said.repliedToId))
    users.push(said.repliedToId);
  const mayAll = said.isWebhook || may(core.world, channel, said.authorId, "MENTION_EVERYONE");
  const guild = channel.guildId === undefined ? undefined : core.world.guilds.get(channel.guildId);
  const roles = named.roles.filter((id) => allowed.parse.includes("roles") || allowed.roles.includes(id));
  return {
    users: users.filter((id) => core.world.users.has(id)),
    roles: roles.filter((id) => mayAll || guild?.roles.get(id)?.mentionable === true),
    everyone: named.everyone && mayAll && allowed.parse.includes("everyone"),
  };
}

/** As the log tells it. */
export function notifiedBy(mentions: Mentions): string[] {
  return [...mentions.users, ...mentions.roles.map((id) => `role:${id}`), ...(mentions.everyone ? ["everyone"] : [])];
}
