import type { AgentIdentity } from "../../src/contracts/adapter.ts";
import type { SlackAnswer } from "./client.ts";
import { slackErrorName } from "./errors.ts";
import type { Workspace } from "./workspace.ts";

type AuthorFields = { readonly username?: string; readonly icon_url?: string };

/** Runs a write under the agent's name and picture; where the workspace did not grant that, under the app's own. */
export async function asAgent(
  workspace: Workspace,
  identity: AgentIdentity,
  write: (author: AuthorFields) => Promise<SlackAnswer>,
): Promise<SlackAnswer> {
  if (!workspace.canCustomize) return write({});
  const { name, avatarUrl } = identity;
  try {
    return await write({ username: name, ...(avatarUrl?.startsWith("https://") ? { icon_url: avatarUrl } : {}) });
  } catch (error) {
    // Slack refused for the scope, so nothing was posted; which scope it missed shows when it works without the name.
    if (slackErrorName(error) !== "missing_scope") throw error;
    const answer = await write({});
    workspace.canCustomize = false;
    return answer;
  }
}
