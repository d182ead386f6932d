const AGENT_COLORS = ["#3b6fb6", "#1f7a63", "#9a5b13", "#8a4a9e", "#2a7a94", "#a8483f"] as const;
const PERSON_COLORS = ["#5d6b82", "#6b6480", "#5f7268", "#7c6a58", "#57727d", "#7a6068"] as const;

/** Guarantees the same colour for the same id on every machine: FNV-1a over UTF-16 units, modulo the palette. */
export function stableColor(id: string, kind: "agent" | "person"): string {
  const palette = kind === "agent" ? AGENT_COLORS : PERSON_COLORS;
  let hash = 0x811c9dc5;
  for (let index = 0; index < id.length; index += 1) {
    hash = Math.imul(hash ^ id.charCodeAt(index), 0x01000193) >>> 0;
  }
  return palette[hash % palette.length] ?? palette[0];
}

/** Black or white, whichever has the higher contrast on `#rrggbb` by the WCAG 2 formula; white when the colour is unreadable. */
export function textOn(color: string): "#000000" | "#ffffff" {
  const digits = /^#([0-9a-f]{6})$/i.exec(color)?.[1];
  if (digits === undefined) return "#ffffff";
  const [red, green, blue] = [0, 2, 4].map((at) => linear(Number.parseInt(digits.slice(at, at + 2), 16) / 255));
  const luminance = 0.2126 * (red ?? 0) + 0.7152 * (green ?? 0) + 0.0722 * (blue ?? 0);
  return 1.05 / (luminance + 0.05) >= (luminance + 0.05) / 0.05 ? "#ffffff" : "#000000";
}

/** True for the one form of colour the page sets as a style; anything else falls back to the stable palette. */
export function isHexColor(value: string | undefined): value is string {
  return value !== undefined && /^#[0-9a-f]{6}$/i.test(value);
}

function linear(channel: number): number {
  return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
}
