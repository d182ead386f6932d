import type { CallToolResult } from "@ai-sdk/mcp";

/** Guarantees the text of what a server's tool gave; pictures and other bytes are named, not passed on. */
export function resultToText(result: CallToolResult): string {
  const content = "content" in result && Array.isArray(result.content) ? result.content : undefined;
  if (content === undefined) return JSON.stringify("toolResult" in result ? result.toolResult : result) ?? "";
  return content.map(partToText).filter(Boolean).join("\n");
}

function partToText(part: unknown): string {
  if (typeof part !== "object" || part === null || !("type" in part)) return "";
  if (part.type === "text" && "text" in part) return String(part.text);
  if (part.type === "resource" && "resource" in part) return resourceToText(part.resource);
  if (part.type === "resource_link" && "uri" in part) return `[link: ${String(part.uri).slice(0, 500)}]`;
  const mediaType = "mimeType" in part && typeof part.mimeType === "string" ? ` of ${part.mimeType.slice(0, 100)}` : "";
  return `[${String(part.type).slice(0, 40)}${mediaType}, not shown]`;
}

function resourceToText(resource: unknown): string {
  if (typeof resource !== "object" || resource === null) return "";
  if ("text" in resource && typeof resource.text === "string") return resource.text;
  return "uri" in resource ? `[resource ${String(resource.uri).slice(0, 500)}, not shown]` : "";
}
