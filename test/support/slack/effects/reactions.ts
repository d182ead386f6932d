import type { Core } from "../core.ts";
import type { Channel, Message } from "../model/records.ts";
import type { Provenance } from "./provenance.ts";

/** Adds a reaction; false when this person has given it already. */
export function react(core: Core, channel: Channel, message: Message, name: string, provenance: Provenance): boolean {
  message.reactions ??= new Map();
  const users = message.reactions.get(name) ?? [];
  if (users.includes(provenance.actor)) return false;
  users.push(provenance.actor);
  message.reactions.set(name, users);
  record(core, channel, message, name, provenance, true);
  return true;
}

/** Takes a reaction back; false when there is none of this person. */
export function unreact(core: Core, channel: Channel, message: Message, name: string, provenance: Provenance): boolean {
  const users = message.reactions?.get(name);
  const at = users?.indexOf(provenance.actor) ?? -1;
  if (users === undefined || at < 0) return false;
  users.splice(at, 1);
  if (users.length === 0) message.reactions?.delete(name);
  record(core, channel, message, name, provenance, false);
  return true;
}

function record(
  core: Core,
  channel: Channel,
  message: Message,
  name: string,
  provenance: Provenance,
  isAdded: boolean,
): void {
  core.log.append({
    kind: isAdded ? "reaction_add" : "reaction_remove",
    team: channel.teamId,
    channel: channel.id,
    ts: message.ts,
    text: name,
    ...provenance,
  });
  core.events.toMembers(channel, {
    type: isAdded ? "reaction_added" : "reaction_removed",
    user: provenance.actor,
    reaction: name,
    item_user: message.author.userId,
    item: { type: "message", channel: channel.id, ts: message.ts },
    event_ts: core.eventTs(),
  });
}
