import type { Target } from "../../src/contracts/adapter.ts";
import type { AdapterFeatures } from "../../src/contracts/adapter-features.ts";
import { type AccessTools, checkAccess } from "./access.ts";
import type { Activity } from "./activity.ts";
import { DISCORD_CODES, discordCode, unlessRefused } from "./errors.ts";
import { readHistory } from "./history.ts";
import { type MarkupOptions, toDiscordPieces } from "./markup.ts";
import { fetchMedia } from "./media.ts";
import { isPresent, readMembers, readReach } from "./members.ts";
import type { Outbound } from "./outbound.ts";
import { openPreview } from "./preview.ts";
import { openDirect, sayInDirect, showPrivately } from "./private.ts";
import { reactionEmoji } from "./reaction-emoji.ts";
import { MAX_ANSWER_CHARS, type Responder } from "./responder.ts";
import { ROUTES } from "./routes.ts";

export interface FeatureTools {
  /** Throws PLATFORM_UNAVAILABLE while the adapter is not running. */
  readonly running: () => AccessTools & { readonly responder: Responder };
  readonly outbound: Outbound;
  readonly activity: Activity;
  readonly linkHosts: readonly string[];
  readonly cdnHosts: readonly string[];
}

const TOKEN_OVER: ReadonlySet<number> = new Set([DISCORD_CODES.unknownWebhook, DISCORD_CODES.invalidWebhookToken]);

/** Everything Discord can do beyond taking messages. */
export function discordFeatures(tools: FeatureTools): AdapterFeatures {
  const { running, outbound } = tools;
  return {
    preview: {
      open: async (options) => {
        const { client, guilds } = running();
        await guilds.need(options.target.installationId);
        return openPreview(client, outbound, options, markupFor(tools, options.target.askerId));
      },
    },
    react: {
      add: async (target, messageId, reaction, signal) => {
        const route = ROUTES.addReaction(placeOf(target, messageId), messageId, reactionEmoji(reaction));
        await running().client.call({ route, signal });
      },
      remove: async (target, messageId, reaction, signal) => {
        const route = ROUTES.removeReaction(placeOf(target, messageId), messageId, reactionEmoji(reaction));
        await unlessRefused([DISCORD_CODES.unknownMessage], running().client.call({ route, signal }));
      },
    },
    delete: {
      delete: (target, messageId, signal) =>
        unlessRefused([DISCORD_CODES.unknownMessage], outbound.delete(target, messageId, signal)),
    },
    status: { show: (target, identity, line) => tools.activity.show(target, identity, line) },
    respond: {
      respond: async (target, responseToken, text, signal) => {
        const { guilds, responder } = running();
        const pieces = toDiscordPieces(text, markupFor(tools, target.askerId), MAX_ANSWER_CHARS);
        try {
          await responder.answer(guilds.bot.applicationId, responseToken, pieces, signal);
        } catch (error) {
          // The token of a command lives 15 minutes; after that the bot itself says it, where the same person alone reads it.
          if (target.askerId === undefined || !TOKEN_OVER.has(discordCode(error) ?? 0)) throw error;
          await sayInDirect(running().client, { target, personId: target.askerId, signal }, pieces);
        }
      },
    },
    privately: {
      show: async (reply) => showPrivately({ client: running().client, outbound }, reply, tools.linkHosts),
    },
    direct: { open: async (query) => openDirect(running().client, query) },
    members: {
      list: async (target, signal) => readMembers(running(), target, signal),
      reach: async (target, signal) => readReach(running(), target, signal),
      present: async (target, signal) => isPresent(running(), target, signal),
      threadsApart: true,
    },
    history: { read: async (query) => readHistory(running(), query) },
    access: { check: async (query) => checkAccess(running(), query) },
    media: { fetch: async (query) => fetchMedia(running().client, tools.cdnHosts, query) },
  };
}

function markupFor(tools: FeatureTools, askerId: string | undefined): MarkupOptions {
  return { mentionable: askerId === undefined ? [] : [askerId], linkHosts: tools.linkHosts };
}

/** The message from which a thread was made has the thread's id and stands in the channel. */
function placeOf(target: Target, messageId: string): string {
  const { channel, thread } = target.conversation;
  return thread === undefined || thread.id === messageId ? channel.id : thread.id;
}
