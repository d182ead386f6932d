import type { DirectQuery, PrivateReply } from "../../src/contracts/adapter-features.ts";
import type { ConversationPath } from "../../src/envelope/conversation.ts";
import { ParleyError, toParleyError } from "../../src/errors/parley-error.ts";
import type { DiscordClient } from "./client.ts";
import { MESSAGE_FLAGS } from "./message-flags.ts";
import type { Outbound } from "./outbound.ts";
import { asId, asRecord } from "./raw.ts";
import { renderReply } from "./render.ts";
import { ROUTES } from "./routes.ts";

/** The direct message of the bot with a person; Discord gives the same one each time. */
export async function openDirect(
  client: DiscordClient,
  { target, personId, signal }: Pick<DirectQuery, "target" | "personId" | "signal">,
): Promise<ConversationPath> {
  const opened = asRecord(await client.call({ route: ROUTES.openDirect(), body: { recipient_id: personId }, signal }));
  const id = asId(opened?.["id"]);
  if (id === undefined)
    throw new ParleyError("TARGET_NOT_FOUND", { detail: "Discord opened no direct message", delivery: "not_sent" });
  return { space: target.conversation.space, channel: { id, kind: "direct", external: false } };
}

/** Says something to one person in their direct messages with the bot, in one message for each piece. */
export async function sayInDirect(
  client: DiscordClient,
  to: Pick<DirectQuery, "target" | "personId" | "signal">,
  pieces: readonly string[],
): Promise<void> {
  const { channel } = await openDirect(client, to);
  for (const content of pieces)
    await client.call({
      route: ROUTES.createMessage(channel.id),
      body: { content, allowed_mentions: { parse: [] }, flags: MESSAGE_FLAGS.suppressEmbeds },
      signal: to.signal,
    });
}

/**
 * Shows a reply to one person alone, in their direct messages with the bot: outside of an interaction Discord has nothing that one person
 * alone sees. Whoever takes no direct messages from the server's bots is shown nothing, and that is an error.
 */
export async function showPrivately(
  { client, outbound }: { readonly client: DiscordClient; readonly outbound: Outbound },
  reply: PrivateReply,
  linkHosts: readonly string[],
): Promise<void> {
  const { target, identity, signal } = reply;
  const conversation = await openDirect(client, reply);
  const posts = renderReply(reply.parts, { identity, conversation, mentionable: [] }, linkHosts);
  for (const [index, post] of posts.entries()) {
    const idempotencyKey = `${reply.idempotencyKey}:${index}`;
    try {
      await outbound.send({ ...post, target: { ...target, conversation }, identity, idempotencyKey, signal });
    } catch (thrown) {
      const error = toParleyError(thrown, "PLATFORM_OUTCOME_UNKNOWN");
      if (index === 0) throw error;
      throw new ParleyError(error.code, { detail: error.detail ?? error.code, cause: error, delivery: "unknown" });
    }
  }
}
