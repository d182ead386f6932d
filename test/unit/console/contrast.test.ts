import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { textOn } from "../../../src/console/ui/color.ts";

const css = readFileSync(new URL("../../../src/console/styles/tokens.css", import.meta.url), "utf8");
const [light = "", dark = ""] = css.split("@media (prefers-color-scheme: dark)");
const themes = { light: tokensOf(light), dark: new Map([...tokensOf(light), ...tokensOf(dark)]) };

/** WCAG 2.2 AA: 4.5 for text (1.4.3), 3 for the edges of controls and for signs (1.4.11). */
const TEXT_PAIRS = [
  ["text", "bg"],
  ["text", "surface"],
  ["text", "surface-sunken"],
  ["text", "accent-soft"],
  ["text", "code-bg"],
  ["muted", "bg"],
  ["muted", "surface"],
  ["muted", "surface-raised"],
  ["muted", "surface-sunken"],
  ["muted", "accent-soft"],
  ["muted", "code-bg"],
  ["accent", "bg"],
  ["accent", "surface"],
  ["accent", "surface-raised"],
  ["accent", "accent-soft"],
  ["on-accent", "accent"],
  ["on-accent", "accent-hover"],
  ["danger", "bg"],
  ["danger", "surface-raised"],
  ["danger", "danger-soft"],
  ["ok", "bg"],
  ["ok", "surface"],
  ["ok", "ok-soft"],
  ["warn", "warn-soft"],
] as const;
const EDGE_PAIRS = [
  ["border-strong", "bg"],
  ["border-strong", "surface-raised"],
  ["focus", "bg"],
  ["focus", "surface"],
  ["presence-online", "surface"],
] as const;

describe.each(Object.entries(themes))("the %s theme", (_name, tokens) => {
  it.each(TEXT_PAIRS)("shows %s on %s with a contrast of at least 4.5", (text, ground) => {
    expect(contrast(tokens.get(text), tokens.get(ground))).toBeGreaterThanOrEqual(4.5);
  });

  it.each(EDGE_PAIRS)("shows %s on %s with a contrast of at least 3", (edge, ground) => {
    expect(contrast(tokens.get(edge), tokens.get(ground))).toBeGreaterThanOrEqual(3);
  });
});

describe("textOn", () => {
  it("has a contrast of at least 4.5 on any colour", () => {
    for (let hue = 0; hue < 4096; hue += 1) {
      const color = `#${[hue >> 8, (hue >> 4) & 15, hue & 15].map((digit) => digit.toString(16).repeat(2)).join("")}`;
      expect({ color, readable: contrast(textOn(color), color) >= 4.5 }).toEqual({ color, readable: true });
    }
  });
});

function tokensOf(part: string): Map<string, string> {
  return new Map([...part.matchAll(/--([\w-]+): (#[0-9a-f]{6});/g)].map(([, name = "", value = ""]) => [name, value]));
}

function contrast(a: string | undefined, b: string | undefined): number {
  const [lighter = 0, darker = 0] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (lighter + 0.05) / (darker + 0.05);
}

function luminance(color = ""): number {
  const [red = Number.NaN, green = Number.NaN, blue = Number.NaN] = [1, 3, 5].map((at) => {
    const channel = Number.parseInt(color.slice(at, at + 2), 16) / 255;
    return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
