import type { Envelope } from "../../envelope/envelope.ts";
import { isHappening } from "./decide.ts";

/** The person who asked for a turn and whose rights it has; undefined where an agent or bot did, or where something merely happened. */
export function askingPerson(envelope: Envelope): Envelope["sender"] | undefined {
  const { sender } = envelope;
  if (isHappening(envelope)) return undefined;
  return sender.kind === "human" || sender.kind === "external_guest" ? sender : undefined;
}
