import { z } from "zod";
import type { TurnIo } from "../../src/contracts/connector.ts";
import { OpenQuestion } from "./open-question.ts";

/** Most bytes that are kept between the turns of a conversation. */
const MAX_BYTES = 16_384;

const Memory = z.strictObject({
  version: z.literal(1),
  state: z.unknown().optional(),
  open: z.array(OpenQuestion).max(10),
});

/** What is kept of an agent in a conversation: its own state, and what its last run waits for. */
export interface AgentMemory {
  readonly state?: unknown;
  readonly open: readonly OpenQuestion[];
}

const NOTHING: AgentMemory = { open: [] };

/** What was kept; nothing where nothing is, or where what is kept is of another version. */
export async function readMemory(io: TurnIo): Promise<AgentMemory> {
  const kept = await io.session?.read();
  if (kept === undefined || kept === "") return NOTHING;
  try {
    return Memory.parse(JSON.parse(kept));
  } catch {
    io.logger.warn({ bytes: Buffer.byteLength(kept) }, "what was kept of an AG-UI agent cannot be read");
    return NOTHING;
  }
}

/** Keeps it, within its bound: a state that is too large is left out, since the server can begin anew without it, and open questions cannot. */
export async function writeMemory(io: TurnIo, memory: AgentMemory): Promise<void> {
  if (io.session === undefined) return;
  const { state, open } = memory;
  const isEmpty = open.length === 0 && (state === undefined || JSON.stringify(state) === "{}");
  if (isEmpty) return await io.session.write("");
  const whole = JSON.stringify({ version: 1, open, ...(state === undefined ? {} : { state }) });
  if (Buffer.byteLength(whole) <= MAX_BYTES) return await io.session.write(whole);
  io.logger.warn({ bytes: Buffer.byteLength(whole) }, "the state of an AG-UI agent is too large to be kept");
  if (open.length === 0) return await io.session.write("");
  const bare = open.map(({ value: _value, ...question }) => question);
  const questions = JSON.stringify({ version: 1, open: bare });
  // Arguments of calls can be of any length: without them the answer still reaches the question that it is to.
  const short = JSON.stringify({ version: 1, open: bare.map(({ call: _call, ...question }) => question) });
  const fitting = [questions, short].find((text) => Buffer.byteLength(text) <= MAX_BYTES);
  await io.session.write(fitting ?? "");
}
