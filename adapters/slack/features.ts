import type { Target } from "../../src/contracts/adapter.ts";
import type { AdapterFeatures, MemberProfile } from "../../src/contracts/adapter-features.ts";
import { asAgent } from "./as-agent.ts";
import { slackErrorName } from "./errors.ts";
import { readHistory } from "./history.ts";
import { requirePlatformUrl } from "./hosts.ts";
import { escapeMrkdwn, type MarkupOptions, toSlackPieces } from "./markup.ts";
import { fetchMedia } from "./media.ts";
import { isPresent, readMembers, readReach } from "./members.ts";
import type { Outbound } from "./outbound.ts";
import { openPreview } from "./preview.ts";
import { openDirect, showPrivately } from "./private.ts";
import { reactionName } from "./reaction-names.ts";
import type { Workspace } from "./workspace.ts";

export interface FeatureTools {
  readonly need: (installationId: string) => Promise<Workspace>;
  readonly outbound: Outbound;
  readonly linkHosts: readonly string[];
  readonly apiUrl: string;
}

/** Answers that mean that a status can be shown nowhere in the workspace. */
const NO_STATUS = new Set(["unknown_method", "missing_scope", "not_allowed_token_type", "feature_not_enabled"]);

/** Everything Slack can do beyond taking messages. */
export function slackFeatures(tools: FeatureTools): AdapterFeatures {
  const { need, outbound } = tools;
  return {
    preview: {
      open: async (options) => {
        const { askerId, installationId } = options.target;
        return openPreview(await need(installationId), outbound, options, markupFor(tools, askerId));
      },
    },
    react: {
      add: (target, messageId, reaction, signal) =>
        changeReaction(tools, "reactions.add", target, messageId, reaction, signal),
      remove: (target, messageId, reaction, signal) =>
        changeReaction(tools, "reactions.remove", target, messageId, reaction, signal),
    },
    delete: {
      delete: async (target, messageId, signal) => {
        const channel = target.conversation.channel.id;
        const workspace = await need(target.installationId);
        await unlessAnswered(
          ["message_not_found"],
          workspace.write("chat.delete", { channel, ts: messageId }, { channel, signal }),
        );
      },
    },
    status: {
      show: async (target, identity, line) => {
        const { channel, thread } = target.conversation;
        if (thread === undefined) return;
        try {
          const workspace = await need(target.installationId);
          if (!workspace.canShowStatus || !workspace.mayPreview("assistant.threads.setStatus", channel.id)) return;
          const body = { channel_id: channel.id, thread_ts: thread.id, status: line.slice(0, 200) };
          await asAgent(workspace, identity, (author) =>
            workspace.write(
              "assistant.threads.setStatus",
              { ...body, ...author },
              { channel: channel.id, paced: false },
            ),
          ).catch((error: unknown) => {
            if (NO_STATUS.has(slackErrorName(error) ?? "")) workspace.canShowStatus = false;
          });
        } catch {
          // A status is decoration: without it the answer comes all the same.
        }
      },
    },
    respond: {
      respond: async (target, responseToken, text, signal) => {
        const workspace = await need(target.installationId);
        const url = requirePlatformUrl(responseToken, tools.apiUrl, "responses");
        const blocks = toSlackPieces(text, markupFor(tools, target.askerId))
          .slice(0, 1)
          .map((piece) => ({ type: "markdown", text: piece }));
        const body = JSON.stringify({
          response_type: "ephemeral",
          replace_original: false,
          text: escapeMrkdwn(text).slice(0, 4_000),
          blocks,
        });
        await workspace.postBytes({
          label: "response_url",
          url,
          contentType: "application/json; charset=utf-8",
          body,
          signal,
        });
      },
    },
    privately: {
      show: async (reply) => showPrivately(await need(reply.target.installationId), reply, tools.linkHosts),
    },
    direct: { open: async (query) => openDirect(await need(query.target.installationId), query) },
    members: {
      list: async (target, signal): Promise<readonly MemberProfile[]> =>
        readMembers(await need(target.installationId), target.conversation.channel.id, signal),
      present: async (target, signal) =>
        isPresent(await need(target.installationId), target.conversation.channel.id, signal),
      reach: async (target, signal) =>
        readReach(await need(target.installationId), target.conversation.channel.id, signal),
    },
    history: { read: async (query) => readHistory(await need(query.target.installationId), query) },
    media: { fetch: async (query) => fetchMedia(await need(query.installationId), query) },
  };
}

function markupFor(tools: FeatureTools, askerId: string | undefined): MarkupOptions {
  return { mentionable: askerId === undefined ? [] : [askerId], linkHosts: tools.linkHosts };
}

async function changeReaction(
  tools: FeatureTools,
  method: "reactions.add" | "reactions.remove",
  target: Target,
  messageId: string,
  reaction: string,
  signal: AbortSignal,
): Promise<void> {
  const channel = target.conversation.channel.id;
  const workspace = await tools.need(target.installationId);
  const body = { channel, timestamp: messageId, name: reactionName(reaction) };
  await unlessAnswered(["already_reacted", "no_reaction"], workspace.write(method, body, { channel, signal }));
}

/** Takes answers that say "it is so already" for success. */
async function unlessAnswered(names: readonly string[], work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!names.includes(slackErrorName(error) ?? "")) throw error;
  }
}
