import { toParleyError } from "../../src/errors/parley-error.ts";
import type { DiscordClient } from "./client.ts";
import type { Guild } from "./guild.ts";
import { asRecord } from "./raw.ts";
import { ROUTES } from "./routes.ts";

/** Asks for a channel or thread that is not known yet, such as an archived thread. Rejects with the errors of reads, but not when there is none. */
export async function learnPlace(
  client: DiscordClient,
  guild: Guild,
  place: string,
  signal: AbortSignal,
): Promise<void> {
  if (guild.channels.has(place) || guild.threads.has(place)) return;
  try {
    const raw = asRecord(await client.call({ route: ROUTES.channel(place), signal }));
    if (guild.putThread(raw) === undefined) guild.putChannel(raw);
  } catch (error) {
    if (toParleyError(error).code !== "TARGET_NOT_FOUND") throw error;
  }
}
