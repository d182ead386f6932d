import { z } from "zod";
import type { ChatAdapter } from "../../contracts/adapter.ts";
import { wireKey } from "../../envelope/ids.ts";
import type { Database } from "../../ledger/connection/database.ts";
import { findMessage, finishWrite } from "../../ledger/turn-writes.ts";
import type { RunnableTurn } from "../invoke/runnable-turn.ts";
import { targetOf } from "../invoke/turn-runner.ts";
import { CallId } from "./post-tools.ts";
import { toolError } from "./tool-answer.ts";
import type { ToolSpec } from "./tool-spec.ts";
import type { TurnWriter } from "./turn-writer.ts";

const Input = z.strictObject({
  message: wireKey(512),
  reaction: z.string().trim().min(1).max(64),
  remove: z.boolean().default(false),
  callId: CallId,
});
const TIMEOUT_MS = 15_000;

/** Reacts to a message of the turn's own conversation; repeating it is harmless, so a retried attempt does it again. */
export function reactTool(
  ports: { readonly database: Database; readonly adapter: (platform: string) => ChatAdapter },
  turn: RunnableTurn,
  writer: TurnWriter,
): readonly ToolSpec[] {
  const feature = ports.adapter(turn.platform).features.react;
  if (feature === undefined) return [];
  return [
    {
      name: "react",
      description:
        "Adds a reaction (an emoji such as 👍, or its name) to a message of this conversation, by its id; `remove` takes it back.",
      input: Input,
      effect: "write",
      needs: "react",
      async execute(input, call) {
        const { message: messageId, reaction, remove } = Input.parse(input);
        const silence = await writer.silence("react");
        if (silence !== undefined) return silence;
        const message = await findMessage(ports.database, messageId, [turn.conversationId, turn.replyConversationId]);
        if (message === undefined) return toolError("there is no such message in this conversation");
        const slot = await writer.take("react", call, async () => undefined);
        if ("error" in slot) return slot;
        const signal = AbortSignal.any([call.signal, AbortSignal.timeout(TIMEOUT_MS)]);
        if (remove) await feature.remove(targetOf(turn), messageId, reaction, signal);
        else await feature.add(targetOf(turn), messageId, reaction, signal);
        const result = { reacted: !remove };
        await finishWrite(ports.database, turn.turnId, call.key, result);
        return result;
      },
    },
  ];
}
