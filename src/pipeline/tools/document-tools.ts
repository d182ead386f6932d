import { z } from "zod";
import type { TextDigest } from "../../access/text-digest.ts";
import type { JsonValue } from "../../contracts/json.ts";
import { wireKey } from "../../envelope/ids.ts";
import type { Database } from "../../ledger/connection/database.ts";
import { changeDocument, listDocuments, readDocument } from "../../ledger/shared-documents.ts";
import { finishWrite } from "../../ledger/turn-writes.ts";
import type { RunnableTurn } from "../invoke/runnable-turn.ts";
import { CallId } from "./post-tools.ts";
import { toolError } from "./tool-answer.ts";
import type { ToolSpec } from "./tool-spec.ts";
import type { TurnWriter } from "./turn-writer.ts";

const Name = wireKey(64);
const ReadInput = z.strictObject({ name: Name });
const WriteInput = z.strictObject({
  name: Name,
  revision: z.number().int().min(0).max(2_000_000_000),
  value: z.json(),
  callId: CallId,
});
const MAX_DOCUMENT_CHARS = 65_536;

interface DocumentPorts {
  readonly database: Database;
  readonly digest: TextDigest;
}

/**
 * Documents and state that the agents of one conversation share.
 *
 * A change names the revision that it was made from and is refused when another came first, so that no agent overwrites what it has not read.
 */
export function documentTools(ports: DocumentPorts, turn: RunnableTurn, writer: TurnWriter): readonly ToolSpec[] {
  const { database } = ports;
  const conversationId = turn.replyConversationId;
  return [
    {
      name: "documents",
      description: "Lists the documents that the agents of this conversation share, with their revisions.",
      input: z.strictObject({}),
      effect: "read",
      needs: "read_history",
      async execute() {
        const rows = await listDocuments(database, conversationId);
        return rows.map(
          ({ name, revision, updated_by, updated_at }): JsonValue => ({
            name,
            revision,
            by: updated_by,
            at: updated_at.toISOString(),
          }),
        );
      },
    },
    {
      name: "document_read",
      description: "Reads a document that the agents of this conversation share, with the revision to write it from.",
      input: ReadInput,
      effect: "read",
      needs: "read_history",
      async execute(input) {
        const { name } = ReadInput.parse(input);
        const found = await readDocument(database, conversationId, name);
        if (found === undefined) return toolError("there is no such document; write it from revision 0 to make it");
        const { revision, value, updated_by, updated_at } = found;
        return { name, revision, value: value as JsonValue, by: updated_by, at: updated_at.toISOString() }; // stored as JSON
      },
    },
    {
      name: "document_write",
      description:
        "Replaces a shared document of this conversation if it still has the revision that you read (0 for a new one); else you are told its revision: read it again and merge.",
      input: WriteInput,
      effect: "write",
      needs: "edit_document",
      needsOfAsker: "edit_document",
      maxInputChars: MAX_DOCUMENT_CHARS,
      async execute(input, call) {
        const { name, revision, value } = WriteInput.parse(input);
        const silence = await writer.silence("document_write");
        if (silence !== undefined) return silence;
        let result: JsonValue = toolError("the document was not changed");
        const slot = await writer.take("document_write", call, async (tx) => {
          const outcome = await changeDocument(tx, {
            organizationId: turn.organizationId,
            conversationId,
            name,
            from: revision,
            value,
            by: turn.agent.agentId,
            turnId: turn.turnId,
            digest: ports.digest(JSON.stringify(value)),
          });
          if (outcome === "too_many") result = toolError("this conversation has as many documents as it may");
          else if (outcome.changed) result = { name, revision: outcome.revision };
          else result = toolError(`another change came first: the document is at revision ${outcome.revision} now`);
        });
        if ("error" in slot) return slot;
        if (slot.state === "known" && slot.result !== null) return slot.result;
        await finishWrite(database, turn.turnId, call.key, result);
        return result;
      },
    },
  ];
}
