import { approvalActionId } from "../../../adapters/slack/actions.ts";
import { reactionName } from "../../../adapters/slack/reaction-names.ts";
import { createSlackStandIn } from "../slack/index.ts";
import { type ChatDriver, PERSON, type ShownPost } from "./chat-driver.ts";

/** Slack's retries come after 0, 3 and 15 s: the last ones find a Parley that was stopped meanwhile. */
const RETRY_SCALE = 0.05;

export async function slackDriver(): Promise<ChatDriver> {
  const slack = await createSlackStandIn({ delivery: { retryScale: RETRY_SCALE } });
  const space = slack.setup.smallWorkspace({ transport: "http" });
  const { people, gestures } = slack;
  const [channel = "", user = ""] = [space.channels[0], space.users[0]];
  people.changeUser(user, { name: PERSON });

  return {
    platform: "slack",
    livesInParley: false,
    env: {
      SLACK_BOT_TOKEN: space.bot.botToken,
      SLACK_SIGNING_SECRET: space.app.signingSecret,
      SLACK_MODE: "http",
      SLACK_API_URL: slack.apiUrl,
      SLACK_PACING: "off",
    },
    channel: () => channel,
    connect: async (url) => slack.setup.configureApp(space.app.appId, { requestUrl: `${url}/slack/events` }),
    address: "@parley scribe",
    ask: (words) => `<@${space.bot.botUserId}> scribe ${words}`,
    say: async (text, { thread, file } = {}) =>
      people.postAs(user, channel, text, {
        ...(thread === undefined ? {} : { threadTs: thread }),
        ...(file === undefined ? {} : { files: [{ name: file.name, content: file.text, mimetype: file.mediaType }] }),
      }).ts,
    edit: async (messageId, text) => people.editAs(user, channel, messageId, text),
    remove: async (messageId) => people.deleteAs(user, channel, messageId),
    react: async (messageId, emoji) => people.reactAs(user, channel, messageId, reactionName(emoji)),
    unreact: async (messageId, emoji) => people.unreactAs(user, channel, messageId, reactionName(emoji)),
    emojiOf: (reaction) => (reaction === reactionName("👍") ? "👍" : reaction),
    choose: async (post, { approvalId, index }) => {
      const { acknowledged } = await gestures.clickButton(
        user,
        { channel, ts: post.id },
        approvalActionId(approvalId, index),
      );
      if (!acknowledged) throw new Error("the click was not acknowledged");
    },
    posts: async (thread) =>
      slack.core
        .channel(channel)
        .messages.filter((message) => message.author.botId === space.bot.botId && message.deleted !== true)
        .filter((message) => thread === undefined || message.threadTs === thread)
        .map(
          (message): ShownPost => ({
            id: message.ts,
            thread: message.threadTs,
            author: message.username ?? "",
            text: message.blocks === undefined ? message.text : message.blocks.flatMap(textsOf).join("\n"),
            files: (message.files ?? []).map((one) => ({
              name: one.name,
              read: async () => one.bytes?.toString() ?? "",
            })),
          }),
        ),
    close: () => slack.close(),
  };
}

/** The words of a block or element, in reading order. */
function textsOf(block: unknown): readonly string[] {
  if (typeof block !== "object" || block === null) return [];
  if ("text" in block) return typeof block.text === "string" ? [block.text] : textsOf(block.text);
  return "elements" in block && Array.isArray(block.elements) ? block.elements.flatMap(textsOf) : [];
}
