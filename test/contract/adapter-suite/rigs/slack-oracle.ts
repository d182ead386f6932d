import type { Target } from "../../../../src/contracts/adapter.ts";
import type { LogKind } from "../../../support/slack/index.ts";
import type { PlatformOracle, ShownMessage } from "../harness.ts";
import type { SlackSide } from "./slack-side.ts";

type Message = ReturnType<SlackSide["slack"]["core"]["channel"]>["messages"][number];

/** What two clocks of whole ms may differ by. */
const CLOCK_GRAIN_MS = 2;

const WRITES: readonly LogKind[] = ["post", "update", "ephemeral", "stream_start", "stream_append", "stream_stop"];

/** What the stand-in's channels and its append-only log say. */
export function slackOracle({ slack, workspace, asker }: SlackSide): PlatformOracle {
  const { botUserId, botId } = workspace.bot;
  const messageAt = (target: Target, id: string): Message | undefined =>
    slack.core.channel(target.conversation.channel.id).byTs.get(id);
  return {
    messages: async (target) => {
      const { channel, thread } = target.conversation;
      return slack.core
        .channel(channel.id)
        .messages.filter((one) => one.author.botId === botId && one.deleted !== true && one.threadTs === thread?.id)
        .map((message) => shownMessage(slack, message));
    },
    reactions: async (target, messageId) =>
      [...(messageAt(target, messageId)?.reactions ?? [])].flatMap(([name, users]) =>
        users.includes(botUserId) ? [name] : [],
      ),
    status: async (target) =>
      slack.log
        .ofKind("status", { channel: target.conversation.channel.id })
        .findLast((entry) => entry.threadTs === target.conversation.thread?.id)?.text,
    privateAnswers: async (target) => {
      const { id: channel } = target.conversation.channel;
      const answers = slack.log
        .ofKind("response_url", { channel })
        .filter(({ detail }) => detail?.["responseType"] === "ephemeral");
      return [...answers, ...slack.log.ofKind("ephemeral", { channel })]
        .filter(({ detail }) => detail?.["user"] === asker)
        .map((entry) => `${entry.text ?? ""} ${JSON.stringify(entry.detail)}`);
    },
    earlyWrites: () => slack.requests.callsBeforeRetryAfter().filter((call) => call.earlyByMs > CLOCK_GRAIN_MS).length,
  };
}

function shownMessage(slack: SlackSide["slack"], message: Message): ShownMessage {
  const entries = WRITES.flatMap((kind) => slack.log.ofKind(kind, { channel: message.channel })).filter(
    (entry) => entry.ts === message.ts,
  );
  const file = message.files?.[0]?.bytes;
  return {
    id: message.ts,
    content: message.blocks === undefined ? message.text : message.blocks.flatMap(textsOf).join("\n"),
    // With a file Slack takes no text beside the blocks: their plain text is what notifications get.
    plainText: message.files === undefined ? message.text : (message.blocks ?? []).flatMap(textsOf).join("\n"),
    notified: [...new Set(entries.flatMap((entry) => entry.notified ?? []))],
    unfurled: [...new Set(entries.flatMap((entry) => entry.unfurled ?? []))],
    ...(file === undefined ? {} : { file }),
  };
}

/** The words of a block or element, in reading order. */
function textsOf(block: unknown): readonly string[] {
  if (typeof block !== "object" || block === null) return [];
  if ("text" in block) return typeof block.text === "string" ? [block.text] : textsOf(block.text);
  return "elements" in block && Array.isArray(block.elements) ? block.elements.flatMap(textsOf) : [];
}
