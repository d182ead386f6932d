import type { AdapterFeatures } from "../../src/contracts/adapter-features.ts";
import { accessOf, classOf } from "./access.ts";
import type { Served } from "./accounts.ts";
import { readHistory } from "./history.ts";
import { fetchMedia } from "./media.ts";
import { belongingOf, isPresent, readMembers, readReach } from "./members.ts";
import type { Outbound } from "./outbound.ts";
import { PastVisibility } from "./past-visibility.ts";
import { openPreview } from "./preview.ts";
import { PrivateReplies } from "./private.ts";
import { addReaction, deleteMessage, removeReaction } from "./reactions.ts";
import { STRICT_AGE_MS } from "./rooms.ts";
import type { StatusLines } from "./status.ts";

export interface FeatureTools {
  readonly need: (installationId: string) => Promise<Served>;
  readonly outbound: Outbound;
  readonly linkHosts: readonly string[];
  readonly status: StatusLines;
}

/** Everything Matrix can do beyond taking messages. An answer to a command for one person alone is not among it: everybody in a room sees everything. */
export function matrixFeatures({ need, outbound, linkHosts, status }: FeatureTools): AdapterFeatures {
  const past = new PastVisibility();
  const privateReplies = new PrivateReplies({ need, outbound, linkHosts });
  const accountOf = async (installationId: string) => (await need(installationId)).account;
  return {
    preview: {
      open: (options) => {
        const { askerId } = options.target;
        return openPreview(outbound, options, { mentionable: askerId === undefined ? [] : [askerId], linkHosts });
      },
    },
    react: {
      add: async (target, messageId, reaction, signal) =>
        addReaction(await accountOf(target.installationId), target, messageId, reaction, signal),
      remove: async (target, messageId, reaction, signal) =>
        removeReaction(await accountOf(target.installationId), target, messageId, reaction, signal),
    },
    delete: {
      delete: async (target, messageId, signal) =>
        deleteMessage(await accountOf(target.installationId), target, messageId, signal),
    },
    status: { show: (target, identity, line) => status.show(target, identity, line) },
    privately: { show: (reply) => privateReplies.show(reply) },
    direct: { open: (query) => privateReplies.open(query) },
    members: {
      list: async (target, signal) =>
        readMembers(await accountOf(target.installationId), target.conversation.channel.id, signal),
      present: async (target, signal) =>
        isPresent(await accountOf(target.installationId), target.conversation.channel.id, signal),
      reach: async (target) => readReach(await accountOf(target.installationId), target.conversation.channel.id),
    },
    history: { read: async (query) => readHistory(await accountOf(query.target.installationId), query) },
    access: {
      check: async ({ target, memberId }) => {
        const account = await accountOf(target.installationId);
        const { rooms } = account;
        const roomId = target.conversation.channel.id;
        const state = await rooms.ensure(roomId, STRICT_AGE_MS);
        return rooms.isLoaded(roomId)
          ? { ...accessOf(state, memberId), memberClass: classOf(state, memberId, belongingOf(account)) }
          : { read: false, post: false, moderate: false, memberClass: "external", rule: "unknown" };
      },
      couldRead: async ({ target, memberIds, messageIds, signal }) =>
        past.readers(await accountOf(target.installationId), {
          roomId: target.conversation.channel.id,
          memberIds,
          eventIds: messageIds,
          signal,
        }),
    },
    media: { fetch: async (query) => fetchMedia(await accountOf(query.installationId), query) },
  };
}
