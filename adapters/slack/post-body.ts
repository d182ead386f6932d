import type { JsonValue } from "../../src/contracts/json.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { asList, asRecord, asString } from "./raw.ts";

export type Block = { readonly [key: string]: JsonValue };

/** What an outbox row of Slack holds: a message, or a file with the words that introduce it. */
export type PostBody =
  | { readonly kind: "message"; readonly text: string; readonly blocks: readonly Block[] }
  | {
      readonly kind: "upload";
      readonly name: string;
      readonly mediaType: string;
      readonly base64: string;
      readonly text: string;
    };

/** Reads a body back from the outbox. Throws CONTENT_REJECTED when it is none of this adapter. */
export function readPostBody(body: JsonValue): PostBody {
  const raw = asRecord(body);
  const text = asString(raw?.["text"]) ?? "";
  if (raw?.["kind"] === "message") {
    // Rendered by this adapter and kept as JSON since: each entry is an object again.
    return { kind: "message", text, blocks: asList(raw["blocks"]) as readonly Block[] };
  }
  const name = asString(raw?.["name"]);
  const base64 = asString(raw?.["base64"]);
  if (raw?.["kind"] === "upload" && name !== undefined && base64 !== undefined)
    return { kind: "upload", name, base64, text, mediaType: asString(raw["mediaType"]) ?? "application/octet-stream" };
  throw new ParleyError("CONTENT_REJECTED", { detail: "the body was not rendered by the Slack adapter" });
}
