import type { DirectQuery, PrivateReply } from "../../src/contracts/adapter-features.ts";
import type { ConversationPath } from "../../src/envelope/conversation.ts";
import { partToText } from "../../src/envelope/reply.ts";
import { ParleyError, toParleyError } from "../../src/errors/parley-error.ts";
import { asAgent } from "./as-agent.ts";
import { readPostBody } from "./post-body.ts";
import { asId, asRecord } from "./raw.ts";
import { renderReply } from "./render.ts";
import type { Workspace } from "./workspace.ts";

/** The direct message of the app with a person; Slack gives the same one each time. Needs the scope `im:write`. */
export async function openDirect(
  workspace: Workspace,
  { target, personId, signal }: DirectQuery,
): Promise<ConversationPath> {
  const answer = await workspace.write("conversations.open", { users: personId }, { signal });
  const id = asId(asRecord(answer["channel"])?.["id"]);
  if (id === undefined)
    throw new ParleyError("TARGET_NOT_FOUND", { detail: "Slack opened no direct message", delivery: "not_sent" });
  return { space: target.conversation.space, channel: { id, kind: "direct", external: false } };
}

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
