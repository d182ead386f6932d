import { type Message, Role } from "@a2a-js/sdk";
import { RequestMalformedError } from "@a2a-js/sdk/errors";
import { z } from "zod";
import type { OutsideMessage } from "../../contracts/outside-tasks.ts";
import type { VisitorFile } from "../../contracts/web-visitor.ts";

const MAX_TEXT_CHARS = 40_000;
const MAX_FILES = 10;
const MAX_ID_CHARS = 256;

/** How a client answers a question: the id that its part gave, and an option or fields. */
const Action = z.object({
  type: z.literal("action"),
  actionId: z.string().min(1).max(128).optional(),
  value: z.string().max(64).optional(),
  fields: z.record(z.string().max(64), z.string().max(10_000)).default({}),
});

/** What a client said, in Parley's terms: text, files, and the answer to a question. Addresses in it are shown and never followed. */
export function toOutsideMessage(message: Message | undefined): OutsideMessage {
  if (message === undefined || message.role !== Role.ROLE_USER) throw malformed("there is no message of the user");
  const { messageId, contextId, taskId } = message;
  if (messageId === "" || [messageId, contextId, taskId].some((id) => id.length > MAX_ID_CHARS))
    throw malformed("messageId is missing, or an id is too long");
  const texts: string[] = [];
  const files: VisitorFile[] = [];
  let answer: OutsideMessage["answer"];
  for (const { content, filename, mediaType } of message.parts) {
    switch (content?.$case) {
      case "text":
        texts.push(content.value);
        break;
      case "raw":
        files.push({
          bytes: content.value,
          name: filename || "file",
          mediaType: mediaType || "application/octet-stream",
        });
        break;
      case "url":
        texts.push(`${filename || "File"}: ${content.value}`);
        break;
      case "data": {
        const action = Action.safeParse(content.value);
        if (action.success) {
          const { actionId, value, fields } = action.data;
          answer = {
            fields,
            ...(actionId === undefined ? {} : { actionId }),
            ...(value === undefined ? {} : { value }),
          };
        } else texts.push(`\`\`\`json\n${JSON.stringify(content.value, undefined, 2)}\n\`\`\``);
        break;
      }
      default:
        throw malformed("a part has no content");
    }
  }
  const text = texts.join("\n");
  if (text.trim() === "" && files.length === 0 && answer === undefined) throw malformed("the message is empty");
  if (text.length > MAX_TEXT_CHARS || files.length > MAX_FILES)
    throw malformed(`a message has at most ${MAX_TEXT_CHARS} characters and ${MAX_FILES} files`);
  return {
    messageId,
    text,
    files,
    ...(contextId === "" ? {} : { contextId }),
    ...(taskId === "" ? {} : { taskId }),
    ...(answer === undefined ? {} : { answer }),
  };
}

function malformed(message: string): Error {
  return new RequestMalformedError(message);
}
