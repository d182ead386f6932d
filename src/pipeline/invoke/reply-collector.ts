import type { ConnectorEvent } from "../../contracts/connector.ts";
import { MAX_REPLY_BYTES, MAX_REPLY_PARTS, type ReplyPart } from "../../envelope/reply.ts";
import { ReplyEvent, type Usage } from "../../envelope/reply-event.ts";
import { ParleyError } from "../../errors/parley-error.ts";

/** Most artifact bytes (base64) one reply may hold. */
const MAX_ARTIFACT_CHARS = 16_777_216;

/** Builds a reply from a connector's events and refuses what no conversation can take. */
export interface ReplyCollector {
  /** Takes one event; throws AGENT_REPLY_INVALID or AGENT_REPLY_TOO_LARGE. Returns the end of the turn, if this was it. */
  take(event: ConnectorEvent): { readonly stopReason: string; readonly usage: Usage | undefined } | undefined;
  /** The parts so far, an open text part included. */
  parts(): ReplyPart[];
  /** The Markdown of the text parts so far, for the live preview. */
  text(): string;
  /** The newest status line, if it is the latest thing that was said. */
  status(): string | undefined;
}

export function createReplyCollector(): ReplyCollector {
  const parts: ReplyPart[] = [];
  let openText: string[] = [];
  let bytes = 0;
  let artifactChars = 0;
  let status: string | undefined;

  function count(text: string | undefined): void {
    if (text === undefined) return;
    bytes += Buffer.byteLength(text);
    if (bytes > MAX_REPLY_BYTES)
      throw new ParleyError("AGENT_REPLY_TOO_LARGE", { detail: `more than ${MAX_REPLY_BYTES} bytes of text` });
  }

  function closeText(): void {
    const markdown = openText.join("");
    openText = [];
    if (markdown.trim().length > 0) parts.push({ type: "text", markdown });
  }

  function addPart(part: ReplyPart): void {
    closeText();
    if (part.type === "status") {
      status = part.text;
      return;
    }
    status = undefined;
    if (parts.length >= MAX_REPLY_PARTS)
      throw new ParleyError("AGENT_REPLY_TOO_LARGE", { detail: `more than ${MAX_REPLY_PARTS} parts` });
    if (part.type === "artifact") {
      artifactChars += part.base64.length;
      if (artifactChars > MAX_ARTIFACT_CHARS)
        throw new ParleyError("AGENT_REPLY_TOO_LARGE", { detail: "artifacts of more than 12 MiB" });
    } else count(JSON.stringify(part));
    parts.push(part);
  }

  return {
    take(event) {
      const parsed = ReplyEvent.safeParse(event);
      if (!parsed.success) {
        const issue = parsed.error.issues[0];
        throw new ParleyError("AGENT_REPLY_INVALID", {
          detail: `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "not a reply event"}`.slice(0, 300),
        });
      }
      switch (parsed.data.type) {
        case "text_delta":
          count(parsed.data.markdown);
          status = undefined;
          openText.push(parsed.data.markdown.toWellFormed().replaceAll("\u0000", "\ufffd"));
          return undefined;
        case "part":
          addPart(parsed.data.part);
          return undefined;
        case "done":
          closeText();
          return { stopReason: parsed.data.stopReason, usage: parsed.data.usage };
      }
    },
    parts() {
      const open = openText.join("");
      return open.trim().length > 0 ? [...parts, { type: "text", markdown: open }] : [...parts];
    },
    text() {
      const open = openText.join("");
      const texts = parts.filter((part) => part.type === "text").map((part) => part.markdown);
      return [...texts, ...(open.length > 0 ? [open] : [])].join("\n\n");
    },
    status: () => status,
  };
}
