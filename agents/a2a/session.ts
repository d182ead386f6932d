import { z } from "zod";
import type { TurnSession } from "../../src/contracts/turn-session.ts";

const Id = z.string().min(1).max(1_024);

/** What is remembered of an agent in one conversation. */
const Memory = z.object({
  contextId: Id.optional(),
  /** The task that asked something, or was put off: the next turn goes on with it. */
  taskId: Id.optional(),
  /** The task is known to take a message; of one that was put off it is asked first. */
  isOpen: z.boolean().optional(),
  /** The task of a turn that has not ended, so that another attempt at it takes it up. */
  running: z.object({ turnId: z.string().max(512), taskId: Id }).optional(),
  /** Newest message of the conversation that the agent was given. */
  heardUntil: z.string().max(512).optional(),
});
export type Memory = z.infer<typeof Memory>;

/** Guarantees the memory as it was written last; empty where there is none, or one that a later version wrote. */
export async function recall(session: TurnSession | undefined): Promise<Memory> {
  const text = await session?.read();
  if (text === undefined || text === "") return {};
  try {
    const parsed = Memory.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : {};
  } catch {
    return {};
  }
}

/** Keeps the memory; without a session every turn is a context of its own. */
export async function remember(session: TurnSession | undefined, memory: Memory): Promise<void> {
  await session?.write(JSON.stringify(memory));
}
