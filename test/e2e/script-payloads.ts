/** What each payload would do if it ran: tests look for it. */
const RUN = "globalThis.hits=(globalThis.hits||0)+1";

/** Ways to have a page run words as script, by what a browser makes of markup. */
const VECTORS: readonly string[] = [
  `<script>${RUN}</script>`,
  `<script src="data:text/javascript,${RUN}"></script>`,
  `<img src=x onerror="${RUN}">`,
  `<img src="x" onerror=${RUN}//`,
  `<svg onload="${RUN}"></svg>`,
  `<svg><script>${RUN}</script></svg>`,
  `<svg><animate onbegin="${RUN}" attributeName=x dur=1s></svg>`,
  `<math><mtext></table></math><img src onerror="${RUN}">`,
  `<iframe srcdoc="<script>parent.${RUN}</script>"></iframe>`,
  `<iframe src="javascript:parent.${RUN}"></iframe>`,
  `<object data="data:text/html,<script>${RUN}</script>"></object>`,
  `<embed src="javascript:${RUN}">`,
  `<details open ontoggle="${RUN}">x</details>`,
  `<input autofocus onfocus="${RUN}">`,
  `<video><source onerror="${RUN}"></video>`,
  `<body onload="${RUN}">`,
  `<a href="javascript:${RUN}">x</a>`,
  `[x](javascript:${RUN})`,
  `[x](JaVaScRiPt:${RUN})`,
  `[x](data:text/html;base64,${Buffer.from(`<script>${RUN}</script>`).toString("base64")})`,
  `[x](<java\tscript:${RUN}>)`,
  `![x](x" onerror="${RUN})`,
  `<javascript:${RUN}>`,
  `<noscript><p title="</noscript><img src=x onerror=${RUN}>"></noscript>`,
  `<template><script>${RUN}</script></template><form><button formaction="javascript:${RUN}">x</button></form>`,
];

/** Places in which words stand, each of which might be read in another way. */
const PLACES: readonly ((vector: string) => string)[] = [
  (vector) => vector,
  (vector) => `\`\`\`html\n${vector}\n\`\`\``,
  (vector) => `\`${vector}\``,
  (vector) => `> quoted ${vector}`,
  (vector) => `| a |\n|---|\n| ${vector.replaceAll("|", "\\|")} |`,
  (vector) => `- item **${vector}**`,
  (vector) => `as entities ${vector.replaceAll("<", "&lt;").replaceAll(">", "&gt;")}`,
  (vector) => `\`\`\`"><${vector}\nopen ${vector}`,
];

/** 200 payloads: each way in each place. */
export const SCRIPT_PAYLOADS: readonly string[] = PLACES.flatMap((place) => VECTORS.map(place));
