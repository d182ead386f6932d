import { defineAgent } from "../../../agents/shared/agent-function.ts";
import type { TurnIo } from "../../../src/contracts/connector.ts";
import type { ContentBlock } from "../../../src/envelope/content.ts";
import type { ReplyPartInput } from "../../../src/envelope/reply.ts";

const TOKEN = /\[#\w+\]/gu;
/** Longer than one message of any chat platform, and than as many messages as any of them posts of one answer. */
export const STORY_LINES = 440;
export const BOOK_LINES = 1_500;

function longLine(number: number): string {
  return `Line ${String(number).padStart(4, "0")} of the whole story, which is told to its very end.`;
}

/**
 * An agent that knows nothing of platforms: it says which question it answers and what it saw before it.
 *
 * `hold` makes it work until it is stopped, in its first attempt; `ask` makes it put a question of its own; `file` makes it hand over a
 * file; `story` and `book` make it tell more than a platform takes in one message, and in many.
 */
export default defineAgent(async function* (request, io) {
  const { trigger, transcript } = request;
  if (trigger.action !== undefined) {
    const asked = transcript.find((message) => message.messageId === trigger.messageId);
    yield `Heard ${trigger.action.actionId}=${trigger.action.value}, asked by ${asked?.sender.agent}.`;
    return;
  }
  const words = trigger.text;
  const [token = "nothing"] = words.match(TOKEN) ?? [];
  if (/\bhold\b/u.test(words) && request.attempt === 1) {
    await new Promise((resolve) => io.signal.addEventListener("abort", resolve, { once: true }));
    return;
  }
  const before = transcript.flatMap((message) => message.text.match(TOKEN) ?? []);
  yield `Answer to ${token} after ${before.length === 0 ? "nothing" : before.join(" ")}${await filesOf(trigger.content, io)}.`;
  if (/\bask\b/u.test(words)) yield question();
  if (/\bfile\b/u.test(words)) yield file();
  if (/\bstory\b/u.test(words)) yield linesOf(STORY_LINES);
  if (/\bbook\b/u.test(words)) yield linesOf(BOOK_LINES);
});

function linesOf(count: number): string {
  return `\n\n${Array.from({ length: count }, (_, index) => longLine(index + 1)).join("\n\n")}\n\nThe end.`;
}

async function filesOf(content: readonly ContentBlock[], io: TurnIo): Promise<string> {
  const files: string[] = [];
  for (const block of content) {
    if (block.type !== "media") continue;
    const read = await io.files?.read(block.mediaId);
    const text = read === undefined ? "nothing" : new TextDecoder().decode(read.bytes).trim();
    files.push(`${block.name} (${block.kind}, ${block.sizeBytes} bytes) that says ${text}`);
  }
  return files.length === 0 ? "" : ` with ${files.join(", ")}`;
}

function question(): ReplyPartInput {
  return {
    type: "approval_request",
    approvalId: "deploy",
    prompt: "Shall I deploy?",
    options: [
      { id: "yes", label: "Deploy", effect: "allow" },
      { id: "no", label: "Leave it", effect: "deny" },
    ],
  };
}

function file(): ReplyPartInput {
  return {
    type: "artifact",
    artifactId: "summary",
    name: "summary.txt",
    mediaType: "text/plain",
    base64: Buffer.from("What was in the file, in short.").toString("base64"),
  };
}
