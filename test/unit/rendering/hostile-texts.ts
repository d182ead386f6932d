import fc from "fast-check";
import { markdownLike } from "./hard-markdown.ts";

/** People and places that a reply must not reach, and the one person that it may. */
export const IDS = {
  slack: { asker: "U0ASKER", other: "U0OTHER" },
  discord: { asker: "100000000000000003", other: "100000000000000007" },
  matrix: { asker: "@alice:parley.test", other: "@bob:parley.test" },
} as const;
const EVIL = "https://evil.example/p.png";

/** What tries to notify, to load, to link or to break out, one trap each. */
export const HOSTILE_TEXTS: readonly string[] = [
  [
    "<!channel>",
    "<!here|here>",
    "<!everyone>",
    "<!subteam^S0123ABCD|@devs>",
    "<@U0OTHER>",
    "<@U0OTHER|you>",
    "<#C0SECRET>",
  ],
  [
    "<@100000000000000007>",
    "<@!100000000000000007>",
    "<@&100000000000000008>",
    "<#100000000000000009>",
    "</cmd:100000000000000009>",
  ],
  ["<id:customize>", "<t:1700000000:R>", "<:evil:100000000000000009>", "||spoiler||", "-# small", "discord.gg/evil"],
  [
    "@everyone",
    "@here",
    "@channel",
    "@room",
    "＠everyone",
    "@\u200beveryone",
    "@Bob",
    "@bob:parley.test",
    "#room:parley.test",
  ],
  [
    EVIL,
    `<${EVIL}>`,
    `[x](${EVIL})`,
    `[x](<${EVIL}>)`,
    `![x](${EVIL})`,
    `[x][e]\n\n[e]: ${EVIL}`,
    `![e]\n\n[e]: ${EVIL} "t"`,
  ],
  [
    "www.evil.example",
    "evil@evil.example",
    "mailto:evil@evil.example",
    `[${EVIL}](https://docs.example)`,
    `https://docs.example@evil.example`,
  ],
  ["[x](javascript:alert(1))", "[x](data:text/html,x)", "[x](//evil.example)", "https://matrix.to/#/@bob:parley.test"],
  [
    "[Bob](https://matrix.to/#/@bob:parley.test)",
    '<a href="https://matrix.to/#/@bob:parley.test">Bob</a>',
    "matrix:u/bob:parley.test",
  ],
  ['<img src="https://evil.example/p.png" onerror="alert(1)">', "<script>alert(1)</script>", "<mx-reply>x</mx-reply>"],
  [
    '<font color="red" data-mx-bg-color="#fff">x</font>',
    '<span data-mx-spoiler="x">y</span>',
    "</details></p></div>",
    "<!-- x",
    "<svg/onload=x>",
  ],
  [
    "&lt;!channel&gt;",
    "&#60;!channel&#62;",
    "&commat;everyone",
    "\\<!channel>",
    "\\\\<@U0OTHER>",
    "\\@everyone",
    "`<!channel>`",
    "``@everyone``",
  ],
  [
    `\`\`\`\n<!here> <@U0OTHER> ${EVIL}\n\`\`\``,
    "```\nopen <!channel>",
    "~~~\n@everyone\n~~~",
    "    <!channel> @everyone",
    "`unclosed <!channel>",
  ],
  [
    "| <!channel> | @everyone |\n|---|---|\n| <@100000000000000007> | @room |",
    "> <!channel>\n> @everyone",
    "- <!here>\n  - @room",
    "# @everyone",
  ],
  [
    "[^1]\n\n[^1]: <!channel> @room",
    `<https://evil.example|<!channel>>`,
    "**<!channel>**",
    "_@everyone_",
    "~~@room~~",
    "\u202e<!channel>",
    "<!chan\u0000nel>",
  ],
].flat();

/** Addresses that lead out, in every spelling that a client might follow. */
const ADDRESSES: readonly string[] = [
  "https://evil.example/p.png?q=secret",
  "HTTPS://EVIL.EXAMPLE/p",
  "http://evil.example:8080/p",
  "https://docs.example@evil.example/p",
  "https://docs.example\u200b.evil.example/p",
  "https://xn--docs-exmple-x9a.evil.example/p",
  "https://dосs.example/p",
  "https://evil\u3002example/p",
  "https://\u202eelpmaxe.live/p",
  "https://2130706433/p",
  "https://[::ffff:7f00:1]/p",
  "https://0x7f.1/p",
  "https:\\\\evil.example/p",
  "https:evil.example/p",
  "//evil.example/p",
  "www.evil.example/p",
  "data:image/png;base64,AAAA",
  "javascript:fetch('https://evil.example')",
  "mxc://evil.example/abc",
  "ftp://evil.example/p",
];

/** Places that make something followed or loaded out of an address. */
const WRAPPERS: readonly ((address: string) => string)[] = [
  (address) => address,
  (address) => `<${address}>`,
  (address) => `<${address}|docs>`,
  (address) => `[docs](${address})`,
  (address) => `[docs](<${address}> "title")`,
  (address) => `[https://docs.example](${address})`,
  (address) => `![docs](${address})`,
  (address) => `[![docs](${address})](${address})`,
  (address) => `[docs][1]\n\n[1]: ${address}`,
  (address) => `![docs][1]\n\n[1]: ${address} 'title'`,
  (address) => `<img src="${address}">`,
  (address) => `<a href='${address}'>docs</a>`,
  (address) => `&lt;${address}&gt; &#60;${address}|docs&#62;`,
  (address) => `\`\`\`\ncode\n\`\`\`\n${address}\n\`\`\`\`\n\`\`\`\n[docs](${address})`,
  (address) => `| a | b |\n|---|---|\n| [docs](${address}) | ${address} |`,
  (address) => `> - **[docs](${address})** _${address}_`,
];

/** Security rule R21: every address in every place, 320 in all. */
export const LINK_TEXTS: readonly string[] = WRAPPERS.flatMap((wrap) => ADDRESSES.map(wrap));

/** Hostile texts among Markdown of every kind. */
export function hostileMix(): fc.Arbitrary<string> {
  const piece = fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(...HOSTILE_TEXTS) },
    { weight: 2, arbitrary: markdownLike(24) },
    {
      weight: 1,
      arbitrary: fc.constantFrom("`", "```", "\n", "\n\n", " ", "\\", "[", "](", "<", ">", "|", "||", "*", "~~~\n"),
    },
  );
  return fc.array(piece, { minLength: 1, maxLength: 8 }).map((pieces) => pieces.join(""));
}
