import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { translateMessage } from "../../../adapters/discord/inbound-message.ts";
import { type ContentBlock, contentToText } from "../../../src/envelope/content.ts";
import { Envelope } from "../../../src/envelope/envelope.ts";
import { context as discordContext, message as discordMessage } from "../discord/fixtures.ts";
import { contextOf, html, envelopeOf as matrixEnvelope, text } from "../matrix/fixtures.ts";
import { message, richText, section, envelopeOf as slackEnvelope, translate } from "../slack/fixtures.ts";

interface Heard {
  readonly content: readonly ContentBlock[];
  readonly agents: readonly string[];
}

const heard = ({
  content,
  mentions,
}: {
  content: readonly ContentBlock[];
  mentions: { agents: readonly string[] };
}) => ({
  content,
  agents: mentions.agents,
});
const escaped = (words: string): string =>
  words.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll("\n", "<br>");
const inMatrix = (formatted: string): Heard =>
  heard(matrixEnvelope("message_created", html(formatted), contextOf()).body);

/** How a person's plain words reach the adapter of each platform. */
const PLATFORMS: Readonly<Record<string, (words: string) => Heard>> = {
  "Discord's Markdown": (words) => {
    const translation = translateMessage(discordMessage({ content: words }), discordContext(), false);
    const envelope = translation.outcome === "envelope" ? Envelope.parse(translation.envelope) : undefined;
    if (envelope?.kind !== "message_created") throw new Error("no message");
    return heard(envelope.body);
  },
  "Matrix's HTML": (words) => inMatrix(`<p>${escaped(words)}</p>`),
  "Matrix's HTML beside other markup": (words) => {
    const { content, agents } = inMatrix(`<p><strong>so</strong> ${escaped(words)}</p>`);
    const [first, ...rest] = content;
    if (first?.type !== "text") throw new Error("no text");
    return { agents, content: [{ ...first, markdown: first.markdown.replace(/^\*\*so\*\* /u, "") }, ...rest] };
  },
  "Matrix's plain body": (words) => heard(matrixEnvelope("message_created", text(words), contextOf()).body),
  "Slack's rich text": (words) => {
    const blocks = [richText(section({ type: "text", text: words }))];
    return heard(slackEnvelope(translate(message("plain", { blocks })), "message_created").body);
  },
};

describe.each(Object.entries(PLATFORMS))("in %s", (_name, read) => {
  test.each([
    "open https://grafana.example/d/a_b/__x__?orgId=1&var=2*3&from=now-1h please",
    "see https://github.com/acme/app/blob/main/pkg/__init__.py.",
    "snake_case_name, __init__.py and 2*3*4 = 24, [x] #1 +1 a~b~c",
    "C:\\dir\\file_name.txt $HOME *.log",
    "one\ntwo",
  ])("%j reaches agents as it was said", (words) => {
    expect(contentToText(read(words).content)).toBe(words);
  });

  test("any address reaches agents as it was said", () => {
    const tail = fc.array(
      fc.constantFrom("a", "B", "7", "_", "__", "*", "~", "?", "=", "&", "/", "-", ".", "+", "#", "%20"),
      {
        minLength: 1,
        maxLength: 30,
      },
    );
    fc.assert(
      fc.property(tail, (parts) => {
        const words = `see https://x.example/${parts.join("")}a please`;
        expect(contentToText(read(words).content)).toBe(words);
      }),
      { numRuns: 200 },
    );
  });
});

describe("on Matrix", () => {
  test.each([
    ["code within a line", "use <code>@guide</code> to ask", "use `@guide` to ask"],
    ["a fence", "<pre><code>@guide hi</code></pre>", "```\n@guide hi\n```"],
    ["a quote", "<blockquote><p>@guide hi</p></blockquote>", "> @guide hi"],
    ["a fence in a list", "<ul><li>a<pre><code>@guide hi</code></pre></li></ul>", "a\n```\n@guide hi\n```\nb"],
    ["a quote in a list", "<ul><li>a<blockquote><p>@guide hi</p></blockquote></li></ul>", "a\n> @guide hi\nb"],
  ])("%s names nobody, in HTML and without", (_what, formatted, plain) => {
    for (const read of [inMatrix(formatted), PLATFORMS["Matrix's plain body"]?.(plain)]) {
      expect(read?.agents).toEqual([]);
      expect(JSON.stringify(read?.content)).toContain("@guide");
      expect(JSON.stringify(read?.content)).not.toMatch(/[\ue000-\ue003]/u);
    }
  });

  test("words beside code and marks still name agents", () => {
    expect(inMatrix("<code>x</code> @guide <b>b</b>").agents).toEqual(["guide"]);
    expect(PLATFORMS["Matrix's plain body"]?.("> quoted\n`x` @guide ```y```").agents).toEqual(["guide"]);
  });

  test.each([
    ["see <strong>Note:</strong>this", "see **Note:**this"],
    ["<em>un</em>believable", "*un*believable"],
    ["a<br>b", "a\nb"],
    [
      '<a href="https://x.example/a_b?c=1&amp;d=2">https://x.example/a_b?c=1&amp;d=2</a>',
      "https://x.example/a_b?c=1&d=2",
    ],
    ['<a href="https://x.example/a_(b)">docs</a>', "[docs](https://x.example/a_%28b%29)"],
    [
      "<table><tr><th>a|b</th></tr><tr><td><code>c|d</code></td></tr></table>",
      "| a\\|b     |\n| -------- |\n| `c\\|d` |",
    ],
    ["<code>a`b</code>", "``a`b``"],
  ])("%s reads %j", (formatted, words) => {
    expect(contentToText(inMatrix(formatted).content)).toBe(words);
  });
});
