import type { ChatAdapter } from "../../src/contracts/adapter.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { SlackAdapter } from "./adapter.ts";
import { type SlackAdapterConfig, SlackConfig } from "./config.ts";

export { type EnvironmentVariable, type SlackAdapterConfig, slackConfigFragment } from "./config.ts";
export { type ManifestOptions, slackManifest } from "./manifest.ts";

/**
 * Creates the Slack adapter; does no I/O.
 *
 * Throws CONFIG_INVALID with every fault, among them a mode without the credential that it needs.
 */
export function createSlackAdapter(config: SlackAdapterConfig): ChatAdapter {
  const parsed = SlackConfig.safeParse(config);
  if (!parsed.success) {
    const faults = parsed.error.issues.map((issue) => `slack.${issue.path.join(".")}: ${issue.message}`);
    throw new ParleyError("CONFIG_INVALID", { detail: faults.join("; ") });
  }
  const missing = missingCredentials(parsed.data);
  if (missing.length > 0) throw new ParleyError("CONFIG_INVALID", { detail: missing.join("; ") });
  return new SlackAdapter(parsed.data);
}

function missingCredentials(config: SlackConfig): string[] {
  const faults: string[] = [];
  if (config.receive && config.mode === "http" && config.signingSecret === undefined)
    faults.push("slack.signingSecret: events over HTTP need the signing secret of the app (SLACK_SIGNING_SECRET)");
  if (config.receive && config.mode === "socket" && config.appToken === undefined)
    faults.push("slack.appToken: Socket Mode needs an app-level token (SLACK_APP_TOKEN)");
  if (config.botToken === undefined && config.clientId === undefined)
    faults.push(
      "slack.botToken: either a bot token (SLACK_BOT_TOKEN) or a client id for installs by OAuth (SLACK_CLIENT_ID) is needed",
    );
  if (config.clientId !== undefined && (config.clientSecret === undefined || config.stateSecret === undefined))
    faults.push("slack.clientId: installs by OAuth also need the client secret and a state secret");
  return faults;
}
