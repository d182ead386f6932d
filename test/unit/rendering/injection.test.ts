import fc from "fast-check";
import rehypeParse from "rehype-parse";
import { unified } from "unified";
import { describe, expect, test } from "vitest";
import { createPayload, editPayload } from "../../../adapters/discord/client-payload.ts";
import { readPostBody as readDiscordBody } from "../../../adapters/discord/post-body.ts";
import { editContent, messageContent } from "../../../adapters/matrix/content.ts";
import { toMatrixPieces } from "../../../adapters/matrix/markup.ts";
import { readPostBody as readMatrixBody } from "../../../adapters/matrix/post-body.ts";
import { editablePreview, nextIncrement } from "../../../adapters/slack/preview-text.ts";
import { rendererOf } from "../../../src/app-platforms.ts";
import type { JsonValue } from "../../../src/contracts/json.ts";
import type { ReplyPart } from "../../../src/envelope/reply.ts";
import { everyPart } from "../../contract/adapter-suite/reply-samples.ts";
import { isWire, linksIn, namesIn, proseOfComponents } from "../../support/discord/model/markup.ts";
import { notifiedBy, unfurledBy } from "../../support/slack/model/markup.ts";
import { HOSTILE_TEXTS, hostileMix, IDS, LINK_TEXTS } from "./hostile-texts.ts";

/** By default the four platforms make the 10 000 outputs of security rule R22. */
const RUNS = Number(process.env["HOSTILE_RUNS"] ?? 2_500);
const PATIENT_MS = 60_000 + RUNS * 200;

type Json = Readonly<Record<string, unknown>>;

/** What gets through of a post in the platform's own form: whom it reaches and what it loads, besides the asker. */
type Oracle = (body: JsonValue) => readonly string[];

const slack: Oracle = (body) => {
  const { text = "", blocks = [] } = body as { text?: string; blocks?: unknown[] }; // rendered by this adapter
  return [...notifiedBy({ text, blocks }), ...unfurledBy({ text, blocks })].filter((who) => who !== IDS.slack.asker);
};

const discordText = (text: string): readonly string[] => {
  const { users, roles, everyone } = namesIn(text);
  return [...users, ...roles, ...(everyone ? ["everyone"] : []), ...linksIn(text)].filter(
    (who) => who !== IDS.discord.asker,
  );
};
/** What Discord does with a message: it notifies whom `allowed_mentions` lets through, and makes no embeds where they are suppressed. */
const discordPayload = (payload: Json): readonly string[] => {
  const { parse, users } = payload["allowed_mentions"] as { parse: string[]; users: string[] }; // made by createPayload
  const embeds = (Number(payload["flags"]) & 4) === 0 ? ["embeds"] : [];
  return [...parse, ...users.filter((id) => id !== IDS.discord.asker), ...embeds];
};
const discordTexts = (payload: Json): readonly string[] => [
  ...proseOfComponents(Array.isArray(payload["components"]) ? payload["components"].filter(isWire) : []),
  typeof payload["content"] === "string" ? payload["content"] : "",
];
const discordPayloads = (body: JsonValue): readonly Json[] => {
  const read = readDiscordBody(body);
  const mark = { nonce: "0", id: 7 } as unknown as Parameters<typeof createPayload>[1]; // marks say nothing to people
  return [createPayload(read, mark, undefined), editPayload(read, mark, { author: undefined, isV2: true })];
};
const discord: Oracle = (body) => discordPayloads(body).flatMap(discordPayload);
/** Besides, the text itself is harmless, so that it stays so wherever it is copied to. */
const discordStrictly: Oracle = (body) => [
  ...discord(body),
  ...discordPayloads(body).flatMap(discordTexts).flatMap(discordText),
];

const parser = unified().use(rehypeParse, { fragment: true }).freeze();
const TAGS = new Set(
  "root del h1 h2 h3 h4 h5 h6 blockquote p a ul ol sup sub li b i u strong em s code hr br div table thead tbody tr th td pre span details summary".split(
    " ",
  ),
);
function inHtml(html: string): readonly string[] {
  const found: string[] = [];
  const visit = (node: unknown, inCode: boolean): void => {
    const {
      tagName = "root",
      properties = {},
      children = [],
      value,
    } = node as {
      tagName?: string;
      properties?: Json;
      children?: unknown[];
      value?: string;
    }; // a tree of rehype-parse
    if (!TAGS.has(tagName)) found.push(`<${tagName}>`);
    for (const [name, set] of Object.entries(properties)) {
      const asker = `https://matrix.to/#/${encodeURIComponent(IDS.matrix.asker)}`;
      // A mail address is loaded by nobody.
      const own = name === "href" && (set === asker || String(set).startsWith("mailto:"));
      if (!own && !["className", "start", "open"].includes(name)) found.push(`${tagName} ${name}=${String(set)}`);
    }
    if (!inCode && value !== undefined && /@room\b|@bob:|:\/\//u.test(value)) found.push(value);
    for (const child of children) visit(child, inCode || tagName === "code");
  };
  visit(parser.parse(html), false);
  return found;
}
const wordsOf = (value: unknown): string => (typeof value === "string" ? value : "");
const matrixContent = (content: Json): readonly string[] => {
  const { user_ids = [], room = false } = (content["m.mentions"] ?? {}) as { user_ids?: string[]; room?: boolean };
  const inner = content["m.new_content"];
  return [
    ...(room ? ["@room"] : []),
    ...user_ids.filter((id) => id !== IDS.matrix.asker),
    ...inHtml(wordsOf(content["formatted_body"])),
    ...(/@room\b|@bob:parley/u.test(wordsOf(content["body"])) ? [`body: ${wordsOf(content["body"])}`] : []),
    ...(typeof inner === "object" && inner !== null ? matrixContent(inner as Json) : []),
  ];
};
const matrix: Oracle = (body) => {
  const read = readMatrixBody(body);
  if (read.kind === "upload") return [];
  const content = messageContent(read, "t1", undefined);
  return [...matrixContent(content), ...matrixContent(editContent(content, "$m", "t2"))];
};

/** The page shows HTML as text and loads nothing remote; whom a post tells is a list of its own. */
const web: Oracle = (body) => {
  const { mentionable = [] } = body as { mentionable?: string[] }; // rendered by this adapter
  return mentionable.filter((id) => id !== "p_asker");
};

const PLATFORMS = [
  { name: "slack", oracle: slack, strictly: slack, asker: IDS.slack.asker },
  { name: "discord", oracle: discord, strictly: discordStrictly, asker: IDS.discord.asker },
  { name: "matrix", oracle: matrix, strictly: matrix, asker: IDS.matrix.asker },
  { name: "web", oracle: web, strictly: web, asker: "p_asker" },
] as const;

function breaches(
  { name, asker }: (typeof PLATFORMS)[number],
  oracle: Oracle,
  parts: readonly ReplyPart[],
): readonly string[] {
  const renderer = rendererOf(name, []);
  if (renderer === undefined) throw new Error(`no renderer of ${name}`);
  const context = {
    identity: { agentId: "1", handle: "guide", name: "Guide", color: "#112233" },
    conversation: { space: { id: "T" }, channel: { id: "C", kind: "public" as const, external: false } },
    mentionable: [asker],
  };
  return renderer.render(parts, context).flatMap(({ body }) => oracle(body));
}

const text = (markdown: string): ReplyPart => ({ type: "text", markdown });

describe.each(PLATFORMS)("on $name, what an agent writes", (platform) => {
  test("reaches nobody and loads nothing from any part, as a post and as an edit", () => {
    const through = HOSTILE_TEXTS.flatMap((hostile) =>
      everyPart(hostile).flatMap((part) =>
        breaches(platform, platform.strictly, [part]).map(
          (breach) => `${part.type} ${JSON.stringify(hostile)}: ${breach}`,
        ),
      ),
    );
    expect(through).toEqual([]);
  });

  test("R21: leads nowhere that is not listed, whatever the address and wherever it stands", () => {
    expect(new Set(LINK_TEXTS).size).toBeGreaterThanOrEqual(300);
    const through = LINK_TEXTS.flatMap((words) =>
      breaches(platform, platform.strictly, [text(words)]).map((breach) => `${JSON.stringify(words)}: ${breach}`),
    );
    expect(through).toEqual([]);
  });

  test(
    "does neither among any other Markdown, nor where a long text is cut",
    () => {
      fc.assert(
        fc.property(hostileMix(), (mix) => {
          expect(breaches(platform, platform.oracle, [text(mix)])).toEqual([]);
        }),
        { numRuns: RUNS, seed: 71 },
      );
      for (const hostile of HOSTILE_TEXTS.filter((_, index) => index % 7 === 0)) {
        const long = Array.from({ length: 400 }, (_, n) => `${"w".repeat(n % 7)} ${hostile}`).join(" ");
        expect(breaches(platform, platform.oracle, [text(long.slice(0, 13_000))])).toEqual([]);
      }
    },
    PATIENT_MS,
  );
});

describe("a live preview", () => {
  const markup = { mentionable: [] as string[], linkHosts: [] as string[] };

  test("reaches nobody and loads nothing at any moment, edited or streamed", () => {
    fc.assert(
      fc.property(hostileMix(), fc.array(fc.nat({ max: 200 }), { maxLength: 4 }), (mix, ends) => {
        let streamed = "";
        for (const end of [...ends.toSorted((a, b) => a - b), mix.length]) {
          const soFar = mix.slice(0, end);
          streamed += nextIncrement(streamed, soFar, markup) ?? "";
          expect(slack({ text: streamed })).toEqual([]);
          expect(slack({ text: editablePreview(soFar, markup) })).toEqual([]);
          expect(toMatrixPieces(soFar, markup).flatMap(({ html }) => inHtml(html))).toEqual([]);
        }
      }),
      { numRuns: 250, seed: 72 },
    );
  }, 60_000);
});

describe("the oracles", () => {
  test("see what does get through", () => {
    const [first, second, third] = [slack, discordText, inHtml];
    expect(first({ text: "<!channel> https://evil.example" })).toHaveLength(2);
    expect(second("<@100000000000000007> @everyone https://evil.example")).toHaveLength(3);
    expect(third('<a href="https://evil.example">x</a><img src="x">@room')).toHaveLength(4);
  });
});
