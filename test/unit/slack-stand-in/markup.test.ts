import { expect, it } from "vitest";
import { notifiedBy, unfurledBy } from "../../support/slack/model/markup.ts";

it.each<[string, Parameters<typeof notifiedBy>[0], string[]]>([
  ["a person and a broadcast", { text: "<@U012AB> and <!channel> <!here|here>" }, ["!channel", "!here", "U012AB"]],
  ["escaped ones do not count", { text: "&lt;!channel&gt; &lt;@U012AB&gt; @channel" }, []],
  ["@here under parse=full", { text: "@here mail@here.test", parsesNames: true }, ["!here"]],
  [
    "mrkdwn in a section",
    { text: "", blocks: [{ type: "section", text: { type: "mrkdwn", text: "<!everyone>" } }] },
    ["!everyone"],
  ],
  [
    "not plain_text",
    { text: "", blocks: [{ type: "section", text: { type: "plain_text", text: "<!everyone>" } }] },
    [],
  ],
  [
    "raw forms in a markdown block",
    { text: "", blocks: [{ type: "markdown", text: "**a** <@U9> <!subteam^S1>" }] },
    ["U9", "!subteam^S1"],
  ],
  [
    "rich text elements",
    {
      text: "",
      blocks: [
        {
          type: "rich_text",
          elements: [
            {
              type: "rich_text_section",
              elements: [
                { type: "broadcast", range: "here" },
                { type: "user", user_id: "U7" },
              ],
            },
          ],
        },
      ],
    },
    ["!here", "U7"],
  ],
])("notifies: %s", (_name, message, expected) => {
  expect(notifiedBy(message)).toEqual(expected);
});

it.each<[string, Parameters<typeof unfurledBy>[0], string[]]>([
  [
    "bare, bracketed and labelled links",
    { text: "see https://a.test/x, <https://b.test|b> (https://c.test)" },
    ["https://a.test/x", "https://b.test", "https://c.test"],
  ],
  ["not in code", { text: "`https://a.test` ```\nhttps://b.test\n``` hxxps://c.test" }, []],
  [
    "links off, media on",
    { text: "https://a.test https://b.test/i.png", unfurlLinks: false },
    ["https://b.test/i.png"],
  ],
  ["both off", { text: "https://a.test https://b.test/i.png", unfurlLinks: false, unfurlMedia: false }, []],
  ["in blocks", { text: "", blocks: [{ type: "markdown", text: "[x](https://a.test)" }] }, ["https://a.test"]],
])("unfurls: %s", (_name, message, expected) => {
  expect(unfurledBy(message)).toEqual(expected);
});
