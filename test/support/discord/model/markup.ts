import type { Wire } from "./records.ts";

/** What `allowed_mentions` lets through, as it stands in a request; undefined is Discord's default, which is everything. */
export interface AllowedMentions {
  readonly parse: readonly string[];
  readonly users: readonly string[];
  readonly roles: readonly string[];
  readonly repliedUser: boolean;
}

/** Names in a text, before anything is allowed or forbidden. */
export interface NamedIn {
  readonly users: readonly string[];
  readonly roles: readonly string[];
  readonly everyone: boolean;
}

/**
 * Who is named in a text. Code names nobody; a backslash is no protection here, since Discord does not promise that it is:
 * what must not notify has to be kept out by allowed_mentions.
 */
export function namesIn(text: string): NamedIn {
  const prose = withoutCode(text);
  return {
    users: [...new Set([...prose.matchAll(/<@!?(\d{15,20})>/gu)].map((match) => match[1] ?? ""))],
    roles: [...new Set([...prose.matchAll(/<@&(\d{15,20})>/gu)].map((match) => match[1] ?? ""))],
    everyone: /@(?:everyone|here)/u.test(prose),
  };
}

/** Links that Discord would fetch to show a preview: all but those in code and in angle brackets. */
export function linksIn(text: string): string[] {
  const prose = withoutCode(text).replace(/<https?:\/\/[^\s>]+>/giu, " ");
  return [...new Set([...prose.matchAll(/https?:\/\/[^\s<>"'()[\]]+/giu)].map(([link]) => link))];
}

/** Everything that people read in components, in order. */
export function textOfComponents(components: readonly Wire[]): string[] {
  return components.flatMap((component) => {
    const own =
      typeof component["content"] === "string" && component["type"] === TEXT_DISPLAY ? [component["content"]] : [];
    const labels = ["label", "placeholder"].flatMap((key) =>
      typeof component[key] === "string" ? [component[key]] : [],
    );
    return [...own, ...labels, ...textOfComponents(childrenOf(component))];
  });
}

/** The text of components that may name people: buttons and the like name nobody. */
export function proseOfComponents(components: readonly Wire[]): string[] {
  return components.flatMap((component) => [
    ...(component["type"] === TEXT_DISPLAY && typeof component["content"] === "string" ? [component["content"]] : []),
    ...proseOfComponents(childrenOf(component)),
  ]);
}

/** Addresses outside of Discord that it fetches for pictures and files in components and embeds. */
export function mediaIn(parts: readonly Wire[]): string[] {
  const found: string[] = [];
  const visit = (value: unknown, key: string): void => {
    if (typeof value === "string") {
      // Links of buttons and titles are opened by people alone.
      if (/^https?:/iu.test(value) && ["media", "image", "thumbnail", "file", "icon_url", "video"].includes(key))
        found.push(value);
    } else if (Array.isArray(value)) for (const one of value) visit(one, key);
    else if (typeof value === "object" && value !== null)
      for (const [name, inner] of Object.entries(value)) visit(inner, name === "url" ? key : name);
  };
  for (const part of parts) visit(part, "");
  return found;
}

/** What is inside of a component: rows, sections, containers, accessories, labels. */
export function childrenOf(component: Wire): Wire[] {
  const { components, component: only, accessory } = component;
  return [...(Array.isArray(components) ? components : []), only, accessory].filter(isWire);
}

/** The length by which Discord limits texts. */
export function codePoints(text: string): number {
  return Array.from(text).length;
}

export function isWire(value: unknown): value is Wire {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const TEXT_DISPLAY = 10;

function withoutCode(text: string): string {
  return text.replace(/```[\s\S]*?```/gu, " ").replace(/(`+)[^`]+?\1/gu, " ");
}
