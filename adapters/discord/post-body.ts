import type { JsonValue } from "../../src/contracts/json.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { liftMassMentions } from "../shared/mass-mention.ts";
import { type Component, textsOf, withTexts } from "./components.ts";
import { asIds, asList, asRecord, asString } from "./raw.ts";

export interface FileBody {
  readonly [key: string]: JsonValue;
  readonly name: string;
  readonly mediaType: string;
  readonly base64: string;
}

/** What an outbox row of Discord holds: words in `content`, or Components V2, which exclude `content`. */
export type PostBody = {
  readonly users: readonly string[];
  /** Forms that the message's buttons open, by the id of the input request. */
  readonly forms: readonly JsonValue[];
  /** Its mass mentions are live. Never read back from the outbox: it is decided as the post is sent. */
  readonly everyone?: true;
} & (
  | { readonly kind: "plain"; readonly text: string }
  | { readonly kind: "components"; readonly components: readonly Component[]; readonly files: readonly FileBody[] }
);

/** Reads a body back from the outbox. Throws CONTENT_REJECTED when it is none of this adapter. */
export function readPostBody(body: JsonValue): PostBody {
  const raw = asRecord(body);
  const users = asIds(raw?.["users"]);
  // Rendered by this adapter and kept as JSON since.
  const forms = asList(raw?.["forms"]) as readonly JsonValue[];
  const text = asString(raw?.["text"]);
  if (raw?.["kind"] === "plain" && text !== undefined) return { kind: "plain", text, users, forms };
  const components = asList(raw?.["components"]) as readonly Component[]; // as above: each entry is an object again
  if (raw?.["kind"] === "components" && components.length > 0)
    return { kind: "components", components, files: asList(raw["files"]).flatMap(fileOf), users, forms };
  throw new ParleyError("CONTENT_REJECTED", { detail: "the body was not rendered by the Discord adapter" });
}

/** What people read of a body. */
export function textsOfBody(body: PostBody): readonly string[] {
  return body.kind === "plain" ? [body.text] : body.components.flatMap(textsOf);
}

/** The body with its mass mentions live: `@here` and `@everyone`, which Discord knows. */
export function saidToAll(body: PostBody): PostBody {
  const live = (text: string): string => liftMassMentions(text, (word) => (word === "here" ? "@here" : "@everyone"));
  if (body.kind === "plain") return { ...body, text: live(body.text), everyone: true };
  return { ...body, components: body.components.map((one) => withTexts(one, live)), everyone: true };
}

function fileOf(item: unknown): FileBody[] {
  const raw = asRecord(item);
  const name = asString(raw?.["name"]);
  const base64 = raw?.["base64"];
  return name === undefined || typeof base64 !== "string"
    ? []
    : [{ name, base64, mediaType: asString(raw?.["mediaType"]) ?? "application/octet-stream" }];
}
