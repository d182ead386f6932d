import type { ParleyError } from "../../src/errors/parley-error.ts";
import type { DiscordClient } from "./client.ts";
import { DISCORD_CODES, discordCode } from "./errors.ts";
import type { Guilds, Space } from "./guilds.ts";
import { inOrder, translateDeletions, translateEdit } from "./inbound-message.ts";
import type { Intake } from "./intake.ts";
import { asList, asRecord, asString } from "./raw.ts";
import { ROUTES } from "./routes.ts";
import { isNewer } from "./snowflakes.ts";

const PAGE_SIZE = 100;

export interface LookBackTools {
  readonly client: DiscordClient;
  readonly guilds: Guilds;
  readonly intake: Intake;
  readonly ending: AbortSignal;
  /** Reads as long as Discord is merely away; `refused` says what a refusal for good comes to. */
  readonly patiently: (read: () => Promise<unknown>, refused?: (error: ParleyError) => unknown) => Promise<unknown>;
}

/** What stood in a place before a gap. */
export interface Before {
  readonly channelId: string;
  /** The newest messages that were ingested before it, oldest first. */
  readonly known: readonly string[];
  /** What was said while the bot could not see the place is for context alone. */
  readonly contextOnly: boolean;
}

/**
 * Reads again what stood before a gap, at most a page per place, and hands in what was edited or deleted while nobody listened.
 *
 * An edit that is known already is recognised by its time. A message counts as deleted only once Discord says that it knows it
 * no more. Resolves with false when the adapter ended first.
 */
export async function lookBack(
  tools: LookBackTools,
  space: Space,
  { channelId, known, contextOnly }: Before,
): Promise<boolean> {
  const { client, guilds, intake, ending, patiently } = tools;
  const last = known.at(-1);
  if (last === undefined) return true;
  const direct = space.guild === undefined;
  const options = contextOnly ? { context: true } : undefined;
  const before = String(BigInt(last) + 1n);
  const answer = await patiently(() =>
    client.call({ route: ROUTES.messages(channelId), query: { before, limit: PAGE_SIZE }, signal: ending }),
  );
  if (answer === undefined) return !ending.aborted;
  const page = inOrder(
    asList(answer)
      .map(asRecord)
      .filter((message) => message !== undefined),
  );
  for (const message of page) {
    if (asString(message["edited_timestamp"]) === undefined) continue;
    const edit = translateEdit(message, guilds.contextFor(space, `history:${String(message["id"])}`), direct);
    if (edit.outcome === "envelope" && !(await intake.store(edit.envelope, options))) return false;
  }
  const standing = new Set(page.map((message) => String(message["id"])));
  const oldest = page.length < PAGE_SIZE ? "0" : String(page[0]?.["id"]);
  for (const messageId of known.filter((id) => isNewer(id, oldest) && !standing.has(id))) {
    const gone = await patiently(
      async () => {
        await client.call({ route: ROUTES.message(channelId, messageId), signal: ending });
        return false;
      },
      (error) => discordCode(error) === DISCORD_CODES.unknownMessage,
    );
    if (ending.aborted) return false;
    if (gone !== true) continue;
    const context = guilds.contextFor(space, `history:${messageId}`);
    for (const deletion of translateDeletions({ channel_id: channelId, id: messageId }, context, direct))
      if (deletion.outcome === "envelope" && !(await intake.store(deletion.envelope, options))) return false;
    space.cursors.forget(channelId, messageId);
  }
  return true;
}
