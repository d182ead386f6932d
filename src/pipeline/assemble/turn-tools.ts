import { z } from "zod";
import type { TurnFiles, TurnRequest } from "../../contracts/connector.ts";
import type { JsonValue } from "../../contracts/json.ts";
import type { TurnTool } from "../../contracts/turn-tool.ts";
import { readConversation } from "../../ledger/conversation-history.ts";
import type { RunnableTurn } from "../invoke/runnable-turn.ts";
import { heardIn } from "../invoke/shadow.ts";
import { createConversationReader, type ReaderPorts } from "./conversation-reader.ts";
import { createConversationTools } from "./conversation-tools.ts";

const ReadInput = z.strictObject({
  limit: z.number().int().min(1).max(50).default(20),
  before: z
    .string()
    .max(128)
    .regex(/^[^\u0000]*$/u, "must be text")
    .optional(),
});

const FileInput = z.strictObject({ name: z.string().min(1).max(512) });
const MAX_FILE_TEXT_CHARS = 100_000;

/**
 * The tools of one turn that read: they read the conversation the turn is in, the files of its messages and, where agent and asking person are both members,
 * other conversations; nothing else, whatever their input says.
 */
export function createReadingTools(
  ports: ReaderPorts,
  turn: RunnableTurn,
  given: { readonly request: TurnRequest; readonly files: TurnFiles | undefined },
): readonly TurnTool[] {
  const { request, files } = given;
  const reader = createConversationReader(ports, turn);
  return [
    ...(files === undefined ? [] : [readFileTool(request, files)]),
    {
      name: "read_conversation",
      description:
        "Reads earlier messages of this conversation, newest last. Give the `order` of the oldest message you have as `before` to read further back.",
      input: ReadInput,
      async execute(input) {
        const { limit, before } = ReadInput.parse(input);
        const rows = await readConversation(ports.database, {
          conversationId: heardIn(turn).conversationId,
          limit,
          before: before ?? null,
        });
        await reader.noteOwn(
          rows.map((row) => row.message_id),
          "read_conversation",
        );
        return rows.map(
          (row): JsonValue => ({
            order: row.platform_order,
            at: row.occurred_at.toISOString(),
            sender: row.sender_name,
            text: row.text,
          }),
        );
      },
    },
    ...createConversationTools(ports.database, reader, turn),
  ];
}

function readFileTool(request: TurnRequest, files: TurnFiles): TurnTool {
  return {
    name: "read_file",
    description: "Reads a text file that a message of this conversation shows, by its name.",
    input: FileInput,
    async execute(input) {
      const { name } = FileInput.parse(input);
      const blocks = [request.trigger, ...request.transcript.toReversed()].flatMap((message) => message.content);
      const block = blocks.find((one) => one.type === "media" && (one.name === name || one.mediaId === name));
      if (block?.type !== "media") return { error: "no message you were given shows a file of that name" };
      const { bytes, mediaType } = await files.read(block.mediaId);
      const text = textOf(bytes);
      if (text === undefined) return { name, mediaType, sizeBytes: bytes.length, error: "it is no text file" };
      return { name, mediaType, text: text.slice(0, MAX_FILE_TEXT_CHARS), cut: text.length > MAX_FILE_TEXT_CHARS };
    },
  };
}

/** Undefined for bytes that are no text. */
function textOf(bytes: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return text.includes("\u0000") ? undefined : text;
  } catch {
    return undefined;
  }
}
