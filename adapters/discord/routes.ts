/** One route of the REST API; its template names it in limits, logs and errors, so that no id or token gets there. */
export interface Route {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** The template, such as `/channels/:channel/messages`. */
  readonly template: string;
  readonly path: string;
  /** The channel, guild or webhook that has buckets of its own on this route. */
  readonly major: string;
  /** Webhooks and interactions carry their own token in the path; the bot's stays at home. */
  readonly ownToken: boolean;
}

function route(method: Route["method"], template: string, values: readonly string[], ownToken = false): Route {
  let at = 0;
  const path = template.replace(/:\w+/gu, () => encodeURIComponent(values[at++] ?? ""));
  return { method, template, path, major: values[0] ?? "", ownToken };
}

/** Every route that this adapter calls. https://docs.discord.com/developers/reference */
export const ROUTES = {
  openDirect: () => route("POST", "/users/@me/channels", []),
  application: () => route("GET", "/applications/@me", []),
  gateway: () => route("GET", "/gateway/bot", []),
  commands: (application: string) => route("PUT", "/applications/:application/commands", [application]),
  guild: (guild: string) => route("GET", "/guilds/:guild", [guild]),
  guildChannels: (guild: string) => route("GET", "/guilds/:guild/channels", [guild]),
  activeThreads: (guild: string) => route("GET", "/guilds/:guild/threads/active", [guild]),
  guildMember: (guild: string, user: string) => route("GET", "/guilds/:guild/members/:user", [guild, user]),
  guildMembers: (guild: string) => route("GET", "/guilds/:guild/members", [guild]),
  channel: (channel: string) => route("GET", "/channels/:channel", [channel]),
  archivedThreads: (channel: string) => route("GET", "/channels/:channel/threads/archived/public", [channel]),
  joinedArchivedThreads: (channel: string) =>
    route("GET", "/channels/:channel/users/@me/threads/archived/private", [channel]),
  threadMember: (thread: string, user: string) =>
    route("GET", "/channels/:thread/thread-members/:user", [thread, user]),
  threadMembers: (thread: string) => route("GET", "/channels/:thread/thread-members", [thread]),
  startThread: (channel: string, message: string) =>
    route("POST", "/channels/:channel/messages/:message/threads", [channel, message]),
  messages: (channel: string) => route("GET", "/channels/:channel/messages", [channel]),
  message: (channel: string, message: string) =>
    route("GET", "/channels/:channel/messages/:message", [channel, message]),
  createMessage: (channel: string) => route("POST", "/channels/:channel/messages", [channel]),
  editMessage: (channel: string, message: string) =>
    route("PATCH", "/channels/:channel/messages/:message", [channel, message]),
  deleteMessage: (channel: string, message: string) =>
    route("DELETE", "/channels/:channel/messages/:message", [channel, message]),
  addReaction: (channel: string, message: string, emoji: string) =>
    route("PUT", "/channels/:channel/messages/:message/reactions/:emoji/@me", [channel, message, emoji]),
  removeReaction: (channel: string, message: string, emoji: string) =>
    route("DELETE", "/channels/:channel/messages/:message/reactions/:emoji/@me", [channel, message, emoji]),
  typing: (channel: string) => route("POST", "/channels/:channel/typing", [channel]),
  channelWebhooks: (channel: string) => route("GET", "/channels/:channel/webhooks", [channel]),
  createWebhook: (channel: string) => route("POST", "/channels/:channel/webhooks", [channel]),
  executeWebhook: (id: string, token: string) => route("POST", "/webhooks/:id/:token", [id, token], true),
  editWebhookMessage: (id: string, token: string, message: string) =>
    route("PATCH", "/webhooks/:id/:token/messages/:message", [id, token, message], true),
  deleteWebhookMessage: (id: string, token: string, message: string) =>
    route("DELETE", "/webhooks/:id/:token/messages/:message", [id, token, message], true),
  interactionCallback: (id: string, token: string) =>
    route("POST", "/interactions/:id/:token/callback", [id, token], true),
  editInteractionAnswer: (application: string, token: string) =>
    route("PATCH", "/webhooks/:application/:token/messages/@original", [application, token], true),
} as const;
