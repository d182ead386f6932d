import type { TurnSession } from "../../../src/contracts/turn-session.ts";

/** A session of one agent in one conversation, with the bound of the real one, in the memory of a test. */
export function memorySession(): TurnSession {
  let kept: string | undefined;
  return {
    read: async () => kept,
    async write(value) {
      if (Buffer.byteLength(value) > 16_384) throw new Error("a session holds 16 KiB");
      kept = value === "" ? undefined : value;
    },
  };
}
