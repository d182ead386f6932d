import type { PrivateReply } from "../../src/contracts/adapter-features.ts";
import { partToText } from "../../src/envelope/reply.ts";
import { ParleyError, toParleyError } from "../../src/errors/parley-error.ts";
import { asAgent } from "./as-agent.ts";
import { readPostBody } from "./post-body.ts";
import { renderReply } from "./render.ts";
import type { Workspace } from "./workspace.ts";

/**
 * Shows a reply to one member of the channel alone, as ephemeral messages: Slack keeps them in no history. A file cannot be one and is named instead.
 *
 * Slack knows no repeat of them: once one of several is shown, a failure says that it may have been.
 */
export async function showPrivately(
  workspace: Workspace,
  reply: PrivateReply,
  linkHosts: readonly string[],
): Promise<void> {
  const { target, identity, personId, signal } = reply;
  const { channel, thread } = target.conversation;
  const parts = reply.parts.map((part) =>
    part.type === "artifact" ? { type: "text" as const, markdown: partToText(part) } : part,
  );
  const posts = renderReply(parts, { identity, conversation: target.conversation, mentionable: [] }, linkHosts);
  for (const [index, post] of posts.entries()) {
    const body = readPostBody(post.body);
    const blocks = body.kind === "message" ? body.blocks : [];
    try {
      await asAgent(workspace, identity, (author) =>
        workspace.write(
          "chat.postEphemeral",
          {
            channel: channel.id,
            user: personId,
            ...(thread === undefined ? {} : { thread_ts: thread.id }),
            text: body.text,
            ...(blocks.length === 0 ? {} : { blocks }),
            link_names: false,
            parse: "none",
            ...author,
          },
          { channel: channel.id, signal },
        ),
      );
    } catch (thrown) {
      const error = toParleyError(thrown, "PLATFORM_OUTCOME_UNKNOWN");
      if (index === 0) throw error;
      throw new ParleyError(error.code, { detail: error.detail ?? error.code, cause: error, delivery: "unknown" });
    }
  }
}
