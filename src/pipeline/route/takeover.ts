import { contentToText } from "../../envelope/content.ts";
import type { EnvelopeOf } from "../../envelope/envelope.ts";

/** Commands by which a person takes a conversation over from its agents, and gives it back. */
export const TAKEOVER_COMMANDS: ReadonlySet<string> = new Set(["pause", "resume"]);

const SPOKEN: ReadonlySet<string> = new Set(["pause", "resume", "stop"]);
const MAX_SPOKEN_CHARS = 60;

/**
 * The command that a message is, for platforms whose slash commands cannot be given in a thread: Parley itself named, and the one word.
 *
 * Undefined for every other message; whoever names an agent or says more has said something to agents. Pure.
 */
export function spokenCommand(envelope: EnvelopeOf<"message_created">): string | undefined {
  const { mentions, content } = envelope.body;
  if (envelope.sender.kind !== "human" || !mentions.bot || mentions.agents.length > 0) return undefined;
  const said = content.filter((block) => block.type !== "mention");
  const text = contentToText(said).trim();
  if (text.length > MAX_SPOKEN_CHARS) return undefined;
  const word = text.replace(/[.!]$/u, "").toLowerCase();
  return SPOKEN.has(word) ? word : undefined;
}

/** Who has the conversation after a command: their id, or empty where its agents have it back. Pure. */
export function takenOverBy(command: string, personId: string): string | undefined {
  if (!TAKEOVER_COMMANDS.has(command)) return undefined;
  return command === "pause" ? personId : "";
}
