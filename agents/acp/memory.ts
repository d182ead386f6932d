import { createHash } from "node:crypto";
import { z } from "zod";
import type { TurnIo } from "../../src/contracts/connector.ts";
import type { AcpConfig } from "./config.ts";
import { type Handed, NOTHING_HANDED } from "./prompt.ts";

const Stored = z.strictObject({
  version: z.literal(1),
  /** Of which program the session is: another would not know it. */
  program: z.string(),
  sessionId: z.string().min(1).max(512),
  handed: z.strictObject({ messages: z.array(z.string().max(12)).max(600), roster: z.string().max(12) }),
  costMicroUsd: z.number().int().nonnegative().optional(),
});

/** What is kept of the agent's session in one conversation. */
export interface Memory {
  readonly sessionId: string | undefined;
  readonly handed: Handed;
  /** What the session had cost when its last turn ended, in millionths of a US dollar. */
  readonly costMicroUsd?: number | undefined;
}

const NOTHING: Memory = { sessionId: undefined, handed: NOTHING_HANDED };
/** Conversations that are remembered without a durable session, newest last. */
const MAX_REMEMBERED = 1_000;

/** Memories of an agent's sessions: durable where the turn brings a session, else for as long as this process lives. */
export class Memories {
  readonly #program: string;
  readonly #local = new Map<string, Memory>();

  constructor({ command, args, cwd }: AcpConfig) {
    this.#program = createHash("sha256")
      .update(JSON.stringify([command, args, cwd]))
      .digest("base64url")
      .slice(0, 12);
  }

  async read(sessionKey: string, io: TurnIo): Promise<Memory> {
    if (io.session === undefined) return this.#local.get(sessionKey) ?? NOTHING;
    const text = await io.session.read();
    if (text === undefined || text === "") return NOTHING;
    const parsed = Stored.safeParse(safeJson(text));
    return parsed.success && parsed.data.program === this.#program ? parsed.data : NOTHING;
  }

  async write(sessionKey: string, io: TurnIo, memory: Memory): Promise<void> {
    if (io.session === undefined) {
      this.#local.delete(sessionKey);
      this.#local.set(sessionKey, memory);
      const [oldest] = this.#local.keys();
      if (this.#local.size > MAX_REMEMBERED && oldest !== undefined) this.#local.delete(oldest);
      return;
    }
    const { sessionId, handed, costMicroUsd } = memory;
    if (sessionId === undefined) return io.session.write("");
    const stored = {
      version: 1,
      program: this.#program,
      sessionId,
      handed,
      ...(costMicroUsd !== undefined && { costMicroUsd }),
    };
    await io.session.write(JSON.stringify(stored));
  }
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
