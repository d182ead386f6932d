import type { JsonValue } from "../../src/contracts/json.ts";

/** What Parley asks a workspace for. chat:write.public is not among it: a bot speaks only where it is a member. */
export const BOT_SCOPES = [
  "assistant:write",
  "channels:history",
  "channels:read",
  "chat:write",
  "chat:write.customize",
  "commands",
  "files:read",
  "files:write",
  "groups:history",
  "groups:read",
  "im:history",
  "im:read",
  "im:write",
  "metadata.message:read",
  "mpim:history",
  "mpim:read",
  "reactions:read",
  "reactions:write",
  "team:read",
  "users:read",
] as const;

/**
 * `app_mention` is left out on purpose: wherever the bot is a member, the same post comes as `message` too, and only that one
 * carries files. The adapter takes `app_mention` all the same when an app subscribes to it.
 */
export const BOT_EVENTS = [
  "agent_session_stopped",
  "app_home_opened",
  "app_uninstalled",
  "channel_archive",
  "channel_created",
  "channel_deleted",
  "channel_left",
  "channel_rename",
  "channel_shared",
  "channel_unarchive",
  "channel_unshared",
  "group_archive",
  "group_deleted",
  "group_left",
  "group_rename",
  "group_unarchive",
  "member_joined_channel",
  "member_left_channel",
  "message.channels",
  "message.groups",
  "message.im",
  "message.mpim",
  "reaction_added",
  "reaction_removed",
  "team_join",
  "tokens_revoked",
  "user_change",
] as const;

export interface ManifestOptions {
  /** Name of the app. Default Parley. */
  readonly name?: string;
  readonly mode: "http" | "socket";
  /** Where Slack reaches Parley; needed for `http` and for installs by OAuth. */
  readonly publicUrl?: string;
  /** The slash command. Default /parley. */
  readonly command?: string;
  /** Bot tokens that expire after twelve hours and are refreshed by Parley; needs installs by OAuth, and cannot be undone in Slack. Default false. */
  readonly tokenRotation?: boolean;
}

/** The app manifest to paste at api.slack.com/apps ("From a manifest"). https://docs.slack.dev/reference/app-manifest */
export function slackManifest(options: ManifestOptions): { readonly [key: string]: JsonValue } {
  const name = (options.name ?? "Parley").slice(0, 35);
  const command = options.command ?? "/parley";
  const address = (path: string): string | undefined =>
    options.publicUrl === undefined ? undefined : new URL(path, options.publicUrl).href;
  const requestUrl = options.mode === "http" ? address("/slack/events") : undefined;
  const redirectUrl = address("/slack/oauth_redirect");
  return {
    _metadata: { major_version: 2, minor_version: 1 },
    display_information: { name, description: "AI agents as members of your channels", background_color: "#1f2937" },
    features: {
      app_home: { home_tab_enabled: false, messages_tab_enabled: true, messages_tab_read_only_enabled: false },
      agent_view: {
        agent_description: "Talk to the AI agents that are members of your channels.",
        suggested_prompts: [{ title: "What can you do?", message: "What can you do?" }],
      },
      bot_user: { display_name: botName(name), always_online: true },
      slash_commands: [
        {
          command,
          description: "Ask, stop or list agents",
          usage_hint: "ask @guide … | stop | agents | invite @guide | help",
          should_escape: true,
          ...(requestUrl === undefined ? {} : { url: requestUrl }),
        },
      ],
    },
    oauth_config: {
      ...(redirectUrl === undefined ? {} : { redirect_urls: [redirectUrl] }),
      scopes: { bot: [...BOT_SCOPES] },
    },
    settings: {
      event_subscriptions: {
        bot_events: [...BOT_EVENTS],
        ...(requestUrl === undefined ? {} : { request_url: requestUrl }),
      },
      interactivity: { is_enabled: true, ...(requestUrl === undefined ? {} : { request_url: requestUrl }) },
      org_deploy_enabled: false,
      socket_mode_enabled: options.mode === "socket",
      token_rotation_enabled: options.tokenRotation === true,
    },
  };
}

function botName(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9._-]+/gu, "-") || "parley";
}
