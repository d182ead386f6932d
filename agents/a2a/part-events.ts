import { createHash } from "node:crypto";
import type { Part } from "@a2a-js/sdk";
import { z } from "zod";
import { ApprovalRequestPart, InputRequestPart, MAX_ARTIFACT_BYTES } from "../../src/envelope/reply.ts";
import type { ReplyEventInput } from "../../src/envelope/reply-event.ts";

/** Longest data that is shown in the text; more is a file. */
const MAX_SHOWN_DATA_CHARS = 4_000;
const MAX_NAME_CHARS = 200;

/** A question in the form of Parley's own parts: what stands for approve and deny, and for forms, which A2A has no words for. */
const Question = z.discriminatedUnion("type", [ApprovalRequestPart, InputRequestPart]);

/** What one part is for a reply: text that may join other text, or an event of its own. */
export type Rendered = { readonly text: string } | { readonly event: ReplyEventInput };

/** Renders parts that are no text, each content once in a turn, wherever it comes from and however often. */
export class PartRenderer {
  readonly #seen = new Set<string>();
  #fileBytes = 0;
  #count = 0;

  render(part: Part, name: string): Rendered | undefined {
    const { content } = part;
    if (content === undefined || content.$case === "text") return undefined;
    const label = cleanName(part.filename) || cleanName(name);
    switch (content.$case) {
      case "raw":
        return this.#once(`raw|${label}|${digest(content.value)}`, () =>
          this.#file(content.value, label, part.mediaType),
        );
      case "url":
        return this.#once(`url|${content.value}`, () => linkTo(content.value, label));
      case "data": {
        const json = JSON.stringify(content.value) ?? "null";
        return this.#once(`data|${digest(json)}`, () => this.#data(content.value, json, label));
      }
    }
  }

  #once(key: string, render: () => Rendered): Rendered | undefined {
    if (this.#seen.has(key)) return undefined;
    this.#seen.add(key);
    return render();
  }

  #file(bytes: Uint8Array, label: string, mediaType: string): Rendered {
    const name = label || "file";
    if (this.#fileBytes + bytes.byteLength > MAX_ARTIFACT_BYTES)
      return {
        text: `_The file ${name.replaceAll("_", "\\_")} (${bytes.byteLength} bytes) is too large to be shown here._`,
      };
    this.#fileBytes += bytes.byteLength;
    this.#count += 1;
    const type = /^[\w.+-]{1,100}\/[\w.+-]{1,100}(;.{0,50})?$/.test(mediaType) ? mediaType : "application/octet-stream";
    const base64 = Buffer.from(bytes).toString("base64");
    const part = { type: "artifact", artifactId: `file-${this.#count}`, name, mediaType: type, base64 } as const;
    return { event: { type: "part", part } };
  }

  #data(value: unknown, json: string, label: string): Rendered {
    const question = Question.safeParse(value);
    if (question.success) return { event: { type: "part", part: question.data } };
    if (json.length <= MAX_SHOWN_DATA_CHARS)
      return { text: `\`\`\`json\n${JSON.stringify(value, undefined, 2)}\n\`\`\`` };
    return this.#file(Buffer.from(json), `${label.replace(/\.json$/, "") || "data"}.json`, "application/json");
  }
}

/** A link is shown and never followed, whatever network it leads into. */
function linkTo(address: string, label: string): Rendered {
  const url = URL.parse(address);
  if (url === null || (url.protocol !== "https:" && url.protocol !== "http:"))
    return { text: `_${label || "A file"} (its address cannot be shown)._` };
  return { text: `[${(label || url.host).replaceAll(/[[\]\\]/g, " ")}](<${url.href.replaceAll(/[<>]/g, "")}>)` };
}

function cleanName(name: string): string {
  return name
    .replaceAll(/\p{Cc}/gu, " ")
    .trim()
    .slice(0, MAX_NAME_CHARS);
}

function digest(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("base64");
}
