import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { InboundContext as DiscordContext } from "../../../adapters/discord/inbound-context.ts";
import { translateMessage } from "../../../adapters/discord/inbound-message.ts";
import { toDiscordMarkdown } from "../../../adapters/discord/markup.ts";
import { toMatrixText } from "../../../adapters/matrix/markup.ts";
import { agentIndex } from "../../../adapters/shared/agent-index.ts";
import { readMentions } from "../../../adapters/web/mentions.ts";
import type { ContentBlock } from "../../../src/envelope/content.ts";
import { Envelope } from "../../../src/envelope/envelope.ts";
import { contextOf, html, envelopeOf as matrixEnvelope } from "../matrix/fixtures.ts";
import { message, richText, section, envelopeOf as slackEnvelope, translate } from "../slack/fixtures.ts";
import { meaningOfContent, meaningOfSaid, type Run, type Said, said } from "./same-content.ts";

/** How one platform writes what was said, and what its adapter reads of it. */
interface Platform {
  readonly name: string;
  readonly read: (all: readonly Said[]) => readonly ContentBlock[];
}

const lines = (all: readonly Said[], write: (one: Said) => string, glue = "\n"): string => all.map(write).join(glue);

const slackElement = (run: Run) => {
  switch (run.kind) {
    case "person":
      return { type: "user", user_id: "U0ANN" };
    case "agent":
      return { type: "text", text: "@guide" };
    case "link":
      return { type: "link", url: run.url, text: run.words };
    case "words":
      return { type: "text", text: run.words };
    default: {
      const style = { strong: "bold", emphasis: "italic", delete: "strike", inlineCode: "code" }[run.kind];
      return { type: "text", text: run.words, style: { [style]: true } };
    }
  }
};
const slackBlocks: Platform = {
  name: "Slack's rich text",
  read: (all) => {
    const elements = all.map((one) => {
      if (one.kind === "code")
        return { type: "rich_text_preformatted", elements: [{ type: "text", text: one.lines.join("\n") }] };
      if (one.kind === "quote") return { type: "rich_text_quote", elements: [{ type: "text", text: one.words }] };
      return section(...one.runs.flatMap((run) => [slackElement(run), { type: "text", text: " " }]));
    });
    return slackEnvelope(translate(message("plain", { blocks: [richText(...elements)] })), "message_created").body
      .content;
  },
};

const mrkdwn = (run: Run): string => {
  switch (run.kind) {
    case "person":
      return "<@U0ANN>";
    case "agent":
      return "@guide";
    case "link":
      return `<${run.url}|${run.words}>`;
    case "words":
      return run.words;
    default: {
      const mark = { strong: "*", emphasis: "_", delete: "~", inlineCode: "`" }[run.kind];
      return `${mark}${run.words}${mark}`;
    }
  }
};
const slackText: Platform = {
  name: "Slack's mrkdwn",
  read: (all) => {
    const text = lines(all, (one) => {
      if (one.kind === "code") return `\`\`\`\n${one.lines.join("\n")}\n\`\`\``;
      return one.kind === "quote" ? `&gt; ${one.words}` : one.runs.map(mrkdwn).join(" ");
    });
    return slackEnvelope(translate(message(text)), "message_created").body.content;
  },
};

const BOT = "100000000000000004";
const discordContext: DiscordContext = {
  organizationId: "main",
  installationId: "inst-1",
  space: { id: "100000000000000001" },
  applicationId: "9",
  botUserId: BOT,
  botName: "Parley",
  botRoleId: undefined,
  mentionsOnly: false,
  agents: agentIndex([{ agentId: "1", handle: "guide", name: "Guide" }]),
  place: (id) => ({ channel: { id, kind: "public", external: false } }),
  channelName: () => undefined,
  roleName: () => undefined,
  memberClass: () => "member",
  person: () => undefined,
  deliveryKey: "s:1",
  newTraceId: () => "0".repeat(32),
  nowMs: () => 1_795_000_000_000,
};
function readDiscord(content: string): readonly ContentBlock[] {
  const author = { id: "100000000000000003", username: "ann", global_name: "Ann" };
  const place = { id: "1300000000000000000", channel_id: "100000000000000002", guild_id: "100000000000000001" };
  const more = { type: 0, author, timestamp: "2026-11-21T12:00:00Z", mentions: [author], attachments: [] };
  const translation = translateMessage({ ...place, ...more, content }, discordContext, false);
  if (translation.outcome !== "envelope") throw new Error(translation.reason);
  const envelope = Envelope.parse(translation.envelope);
  return envelope.kind === "message_created" ? envelope.body.content : [];
}
const markdownRun =
  (person: string) =>
  (run: Run): string => {
    switch (run.kind) {
      case "person":
        return person;
      case "agent":
        return "@guide";
      case "link":
        return `[${run.words}](${run.url})`;
      case "words":
        return run.words;
      default: {
        const mark = { strong: "**", emphasis: "*", delete: "~~", inlineCode: "`" }[run.kind];
        return `${mark}${run.words}${mark}`;
      }
    }
  };
const markdownBlock =
  (person: string) =>
  (one: Said): string => {
    if (one.kind === "code") return `\`\`\`js\n${one.lines.join("\n")}\n\`\`\``;
    return one.kind === "quote" ? `> ${one.words}` : one.runs.map(markdownRun(person)).join(" ");
  };
const discord: Platform = {
  name: "Discord's Markdown",
  read: (all) => readDiscord(lines(all, markdownBlock("<@100000000000000003>"))),
};

const tag = { strong: "strong", emphasis: "em", delete: "del", inlineCode: "code" } as const;
const htmlRun = (run: Run): string => {
  switch (run.kind) {
    case "person":
      return '<a href="https://matrix.to/#/@alice:parley.test">Alice</a>';
    case "agent":
      return "@guide";
    case "link":
      return `<a href="${run.url}">${run.words}</a>`;
    case "words":
      return run.words;
    default:
      return `<${tag[run.kind]}>${run.words}</${tag[run.kind]}>`;
  }
};
const readHtml = (formatted: string): readonly ContentBlock[] =>
  matrixEnvelope("message_created", html(formatted), contextOf()).body.content;
const matrix: Platform = {
  name: "Matrix's HTML",
  read: (all) =>
    readHtml(
      lines(all, (one) => {
        if (one.kind === "code") return `<pre><code class="language-js">${one.lines.join("\n")}\n</code></pre>`;
        if (one.kind === "quote") return `<blockquote><p>${one.words}</p></blockquote>`;
        return `<p>${one.runs.map(htmlRun).join(" ")}</p>`;
      }),
    ),
};

const web: Platform = {
  name: "the web room's Markdown",
  read: (all) =>
    readMentions(lines(all, markdownBlock("@Mara"), "\n\n"), {
      agents: [{ handle: "guide" }],
      people: [{ personId: "p1", name: "Mara" }],
    }).content,
};

describe.each([slackBlocks, slackText, discord, matrix, web])("what a person says in $name", ({ read }) => {
  test("becomes the same content as everywhere", () => {
    fc.assert(
      fc.property(said, (all) => {
        expect(meaningOfContent(read(all))).toEqual(meaningOfSaid(all));
      }),
      { numRuns: 300, seed: 81 },
    );
  });
});

describe("what an agent says", () => {
  const written = (all: readonly Said[]): string => lines(all, markdownBlock("somebody"), "\n\n");
  const options = { mentionable: [], linkHosts: ["x.example"] };
  const agentless = said.map((all) =>
    all.map(
      (one): Said =>
        one.kind === "paragraph"
          ? {
              ...one,
              runs: one.runs.map(
                (run): Run =>
                  run.kind === "agent" || run.kind === "person" ? { kind: "words", words: "somebody" } : run,
              ),
            }
          : one,
    ),
  );

  test("in Discord's markup is read back as it was meant", () => {
    fc.assert(
      fc.property(agentless, (all) => {
        expect(meaningOfContent(readDiscord(toDiscordMarkdown(written(all), options)))).toEqual(meaningOfSaid(all));
      }),
      { numRuns: 300, seed: 82 },
    );
  });

  test("in Matrix's HTML is read back as it was meant", () => {
    fc.assert(
      fc.property(agentless, (all) => {
        expect(meaningOfContent(readHtml(toMatrixText(written(all), options).html))).toEqual(meaningOfSaid(all));
      }),
      { numRuns: 300, seed: 83 },
    );
  });
});
