import fastJsonPatch, { type Operation } from "fast-json-patch";
import { notAgui } from "./errors.ts";

/** Most operations of one patch. */
const MAX_OPERATIONS = 2_000;

/**
 * Guarantees a document with a JSON Patch (RFC 6902) applied, the original left as it was; throws AGENT_REPLY_INVALID for a patch that does not fit.
 *
 * A few copies of a copy are exponential: after each the size is looked at, and a document over `maxChars` gives undefined.
 */
export function patched(document: unknown, patch: readonly unknown[], maxChars: number): unknown {
  if (patch.length > MAX_OPERATIONS) throw notAgui(`a patch has more than ${MAX_OPERATIONS} operations`);
  let result: unknown = structuredClone(document);
  for (const operation of patch as readonly Operation[]) {
    // the schema of the event has judged the shape of each operation
    try {
      result = fastJsonPatch.applyOperation(result, operation, true, true, true).newDocument;
    } catch {
      throw notAgui("a patch does not fit what it is to change");
    }
    if (operation.op === "copy" && sizeOf(result) > maxChars) return undefined;
  }
  return sizeOf(result) > maxChars ? undefined : result;
}

export function sizeOf(value: unknown): number {
  return JSON.stringify(value)?.length ?? 0;
}
