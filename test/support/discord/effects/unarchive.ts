import type { Core } from "../core.ts";
import { INTENTS } from "../model/bits.ts";
import type { Channel, Wire } from "../model/records.ts";
import { channelWire } from "../model/wire.ts";

/** A message in an archived thread brings it back. */
export function unarchiveByMessage(core: Core, channel: Channel): void {
  const { thread } = channel;
  if (thread?.archived !== true) return;
  thread.archived = false;
  thread.archiveChangedAt = core.nowMs();
  tellThread(core, channel, "THREAD_UPDATE", (viewerId) => channelWire(core, channel, viewerId));
}

/** Tells those who can see the thread. */
export function tellThread(core: Core, channel: Channel, type: string, data: (viewerId: string) => Wire): void {
  core.events.inChannel(channel, { guild: INTENTS.GUILDS, direct: 0 }, type, (session) => data(session.botUserId));
}
