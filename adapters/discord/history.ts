import type { AdapterFeatures } from "../../src/contracts/adapter-features.ts";
import type { EnvelopeInput } from "../../src/envelope/envelope.ts";
import type { DiscordClient } from "./client.ts";
import type { Guilds } from "./guilds.ts";
import { inOrder, translateMessage } from "./inbound-message.ts";
import { isDirect } from "./outbound.ts";
import { asId, asList, asRecord, type Raw } from "./raw.ts";
import { ROUTES } from "./routes.ts";
import { isNewer, msToSnowflake } from "./snowflakes.ts";

type HistoryQuery = Parameters<NonNullable<AdapterFeatures["history"]>["read"]>[0];

const PAGE_SIZE = 100;
const MAX_PAGES = 50;

/** Past messages of a channel or thread as the envelopes they would have been, oldest first; of a long history, the newest. */
export async function readHistory(
  tools: { readonly client: DiscordClient; readonly guilds: Guilds },
  query: HistoryQuery,
): Promise<readonly EnvelopeInput[]> {
  const { client, guilds } = tools;
  const { target, signal } = query;
  const space = await guilds.need(target.installationId);
  await guilds.ensureLoaded(space, signal);
  const channelId = target.conversation.thread?.id ?? target.conversation.channel.id;
  const since = msToSnowflake(Date.parse(query.since));
  const messages: Raw[] = [];
  let before: string | undefined;
  for (let page = 0; page < MAX_PAGES && messages.length < query.maxMessages; page++) {
    const answer = await client.call({
      route: ROUTES.messages(channelId),
      query: { before, limit: PAGE_SIZE },
      signal,
    });
    const found = inOrder(
      asList(answer)
        .map(asRecord)
        .filter((message) => message !== undefined),
    );
    const wanted = found.filter((message) => isNewer(String(message["id"]), since));
    messages.push(...wanted);
    before = asId(found[0]?.["id"]);
    if (before === undefined || found.length < PAGE_SIZE || wanted.length < found.length) break;
  }
  const envelopes = inOrder(messages).flatMap((message) => {
    const context = guilds.contextFor(space, `history:${String(message["id"])}`);
    const translation = translateMessage(message, context, isDirect(target));
    return translation.outcome === "envelope" ? [translation.envelope] : [];
  });
  return envelopes.slice(-query.maxMessages);
}
