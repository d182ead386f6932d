import fc from "fast-check";
import { Guild } from "../../adapters/discord/guild.ts";
import { applyChange } from "../../adapters/discord/guild-changes.ts";
import type { InboundContext as DiscordContext } from "../../adapters/discord/inbound-context.ts";
import { readFrame } from "../../adapters/discord/inbound-frame.ts";
import { translateInteraction as translateDiscordInteraction } from "../../adapters/discord/inbound-interaction.ts";
import {
  translateDeletions,
  translateEdit,
  translateMessage,
  translateReaction,
} from "../../adapters/discord/inbound-message.ts";
import { translateEvent as translateMatrixEvent } from "../../adapters/matrix/inbound-event.ts";
import { agentIndex } from "../../adapters/shared/agent-index.ts";
import { translateEvent as translateSlackEvent } from "../../adapters/slack/inbound-event.ts";
import { translateCommand, translateInteraction } from "../../adapters/slack/inbound-interaction.ts";
import { parseCommand } from "../../adapters/web/commands.ts";
import { eventToEnvelope } from "../../adapters/web/inbound.ts";
import { readMentions } from "../../adapters/web/mentions.ts";
import { contentToText } from "../../src/envelope/content.ts";
import { Envelope } from "../../src/envelope/envelope.ts";
import { contextOf, html, text as matrixText } from "../unit/matrix/fixtures.ts";
import { markdownLike } from "../unit/rendering/hard-markdown.ts";
import { context as slackContext } from "../unit/slack/fixtures.ts";
import * as fixtures from "./fixtures.ts";
import { type Json, mutated } from "./mutation.ts";
import { target } from "./target.ts";

type Record_ = Readonly<Record<string, unknown>>;

type Outcome = { readonly outcome?: string; readonly envelope?: unknown };

/** Whatever became an envelope can be read or refused; what is refused is kept as malformed (`storeEnvelope`). */
function mustBeReadable(outcome: Outcome): void {
  if (outcome.outcome === "envelope" || outcome.outcome === "event") Envelope.safeParse(outcome.envelope);
}

/** Words of a person, however they are marked up, always become an envelope that the schema takes. */
function mustBeTaken({ outcome, envelope }: Outcome): void {
  const read = Envelope.safeParse(envelope);
  if (outcome === "envelope" && !read.success)
    throw new Error(`no envelope: ${read.error.issues[0]?.path.join(".")} ${read.error.issues[0]?.message}`);
  if (outcome === "malformed") throw new Error("words taken for malformed");
}

/** What arrives is an object, or the receiver refuses it before anything is translated. */
const records = (all: readonly Json[]): fc.Arbitrary<Record_> =>
  mutated(all).filter(
    (json): json is { readonly [key: string]: Json } =>
      typeof json === "object" && json !== null && !Array.isArray(json),
  );

const AGENTS = agentIndex([
  { agentId: "1", handle: "guide", name: "Guide" },
  { agentId: "2", handle: "assistant", name: "The Assistant" },
]);
const { guild, channel, bot } = fixtures.DISCORD_IDS;
const discord: DiscordContext = {
  organizationId: "main",
  installationId: "inst-1",
  space: { id: guild, name: "Guild" },
  applicationId: "9",
  botUserId: bot,
  botName: "Parley",
  botRoleId: undefined,
  mentionsOnly: false,
  agents: AGENTS,
  place: (id) => (id === channel ? { channel: { id, name: "general", kind: "public", external: false } } : undefined),
  channelName: () => "general",
  roleName: () => undefined,
  memberClass: () => "member",
  person: () => undefined,
  deliveryKey: "session:1",
  newTraceId: () => "0".repeat(32),
  nowMs: () => 1_795_000_000_000,
};

const slackMarkup = fc.array(
  fc.oneof(
    fc.constantFrom(
      "<@U0PARLEY>",
      "<@U1|x>",
      "<!channel>",
      "<!subteam^S1|y>",
      "<#C1|c>",
      "<https://x.example|x>",
      "<mailto:a@b|a>",
      "<",
      ">",
      "|",
      "&lt;",
      "&amp;",
      "*",
      "_",
      "~",
      "`",
      "```",
      "\n",
      "> ",
      "• ",
      "@guide",
      "@Parley guide, assistant: ",
    ),
    fc.string({ maxLength: 8 }),
  ),
  { maxLength: 60 },
);

const htmlLike = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        "<p>",
        "</p>",
        "<b>",
        "</b>",
        "<a href='https://matrix.to/#/@parley:parley.test'>",
        "<a href='javascript:x'>",
        "</a>",
        "<ul>",
        "<ol start=9>",
        "<li>",
        "</li>",
        "</ul>",
        "<pre>",
        "<code class='language-js'>",
        "</code>",
        "</pre>",
        "<blockquote>",
        "</blockquote>",
        "<table>",
        "<tr>",
        "<td>",
        "<br>",
        "<img src=x alt=y>",
        "<mx-reply>",
        "</mx-reply>",
        "<!--",
        "-->",
        "<svg>",
        "<details>",
        "<summary>",
        "<span data-mx-spoiler>",
        "&lt;",
        "&#0;",
        "&",
        "<h1>",
        "<hr>",
        "@guide ",
      ),
      fc.string({ maxLength: 8 }),
    ),
    { maxLength: 80 },
  )
  .map((parts) => parts.join(""));
const nestedHtml = fc
  .tuple(
    fc.constantFrom("<blockquote>", "<ul><li>", "<b>", "<div>", "<table><tr><td>", "<details>"),
    fc.integer({ min: 1, max: 3_000 }),
  )
  .map(([tag, times]) => tag.repeat(times));

/** Every platform's way in, given what no platform should send. */
export const PARSER_TARGETS = [
  target("slack events", records(fixtures.SLACK_EVENTS), (body) =>
    mustBeReadable(translateSlackEvent(body, slackContext())),
  ),
  target("slack mrkdwn", slackMarkup, (parts) =>
    mustBeTaken(
      translateSlackEvent(
        {
          ...Object(fixtures.SLACK_EVENTS[0]),
          event: { type: "message", user: "U0ANN", text: parts.join(""), ts: "1762000000.000100", channel: "C1" },
        },
        slackContext(),
      ),
    ),
  ),
  target("slack interactions", records(fixtures.SLACK_INTERACTIONS), (payload) => {
    for (const outcome of translateInteraction(payload, slackContext())) mustBeReadable(outcome);
  }),
  target("slack commands", records(fixtures.SLACK_COMMANDS), (command) =>
    mustBeReadable(translateCommand(command, slackContext(), "/parley")),
  ),
  target(
    "discord frames",
    fc.tuple(
      mutated(
        [...fixtures.DISCORD_MESSAGES, ...fixtures.DISCORD_EVENTS].map((d) => ({
          op: 0,
          s: 5,
          t: "MESSAGE_CREATE",
          d,
        })),
      ),
      fc.nat({ max: 400 }),
      fc.boolean(),
    ),
    ([frame, cut, isBinary]) => {
      const data = JSON.stringify(frame);
      readFrame(data, isBinary);
      readFrame(data.slice(0, cut), false);
    },
  ),
  target("discord messages", fc.tuple(records(fixtures.DISCORD_MESSAGES), fc.boolean()), ([message, direct]) => {
    mustBeReadable(translateMessage(message, discord, direct));
    mustBeReadable(translateEdit(message, discord, direct));
  }),
  target(
    "discord markup",
    fc.tuple(markdownLike(400), fc.constantFrom(`<@${bot}>`, "<@&1>", "<t:1:R>", "||", "<:a:1>", "@here")),
    ([markdown, sign]) =>
      mustBeTaken(
        translateMessage(
          { ...Object(fixtures.DISCORD_MESSAGES[0]), content: `${sign}${markdown}${sign}` },
          discord,
          false,
        ),
      ),
  ),
  target(
    "discord events",
    fc.tuple(
      records(fixtures.DISCORD_EVENTS),
      fc.constantFrom(
        "CHANNEL_UPDATE",
        "CHANNEL_CREATE",
        "CHANNEL_DELETE",
        "THREAD_CREATE",
        "THREAD_LIST_SYNC",
        "GUILD_UPDATE",
        "GUILD_ROLE_UPDATE",
        "GUILD_MEMBER_ADD",
        "GUILD_MEMBER_UPDATE",
        "GUILD_MEMBER_REMOVE",
        "MADE_UP",
      ),
    ),
    ([event, type]) => {
      for (const outcome of translateDeletions(event, discord, false)) mustBeReadable(outcome);
      mustBeReadable(translateReaction("reaction_added", event, discord, false));
      const known = new Guild(guild, { botUserId: bot, memberEvents: true });
      known.load(event, true);
      for (const outcome of applyChange(type, event, known, discord)) mustBeReadable(outcome);
    },
  ),
  target("discord interactions", records(fixtures.DISCORD_INTERACTIONS), (interaction) =>
    mustBeReadable(translateDiscordInteraction(interaction, discord, "parley")),
  ),
  target("matrix events", records(fixtures.MATRIX_EVENTS), (event) =>
    mustBeReadable(translateMatrixEvent(event, contextOf())),
  ),
  target(
    "matrix html",
    fc.oneof({ weight: 9, arbitrary: htmlLike }, { weight: 1, arbitrary: nestedHtml }),
    (formatted) => mustBeTaken(translateMatrixEvent(html(formatted), contextOf())),
  ),
  target("matrix bodies", markdownLike(400), (body) =>
    mustBeTaken(translateMatrixEvent(matrixText(body), contextOf())),
  ),
  // The log's rows have types of their own; what is in them may be anything that an older or newer version wrote.
  target(
    "web events",
    records(fixtures.WEB_EVENTS).filter((event) => typeof event["room"] === "object" && event["room"] !== null),
    (event) => {
      const outcome = eventToEnvelope(event as unknown as Parameters<typeof eventToEnvelope>[0], "inst-1");
      if ("envelope" in outcome) mustBeReadable({ outcome: "envelope", envelope: outcome.envelope });
    },
  ),
  target("web texts", fc.oneof(markdownLike(300), fc.string({ unit: "binary" })), (text) => {
    const { content } = readMentions(text, { agents: [{ handle: "guide" }], people: [] });
    if (contentToText(content) !== text) throw new Error("the text is not what its blocks say");
    parseCommand(text);
    parseCommand(`/${text}`);
  }),
];
