import { randomBytes } from "node:crypto";
import { buffer } from "node:stream/consumers";
import type { MemberClass } from "../../src/contracts/access.ts";
import type { AdapterFeatures } from "../../src/contracts/adapter-features.ts";
import type { WebRoomStore } from "../../src/contracts/web-room-store.ts";
import { toSafeText } from "../../src/envelope/content.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { newId, WEB_SELF_ID } from "./ids.ts";
import { postToEnvelope } from "./inbound.ts";
import { type Outbound, placeOf } from "./outbound.ts";
import { createPreviewFeature, type PreviewDependencies } from "./preview.ts";
import { MAX_AGENT_POST_CHARS } from "./render.ts";
import { withAbort } from "./send-errors.ts";

export interface FeatureDependencies extends PreviewDependencies {
  /** The organization of an installation; NOT_FOUND for one that is not of the web room. */
  organizationOf(installationId: string): Promise<string>;
  readonly outbound: Outbound;
}

/** Everything the web room can do beyond taking messages. */
export function createFeatures(dependencies: FeatureDependencies): AdapterFeatures {
  const { store } = dependencies;
  return {
    preview: createPreviewFeature(dependencies),
    react: {
      add: async (target, postId, reaction, signal) =>
        await react(store, { target, postId, reaction, signal, present: true }),
      remove: async (target, postId, reaction, signal) =>
        await react(store, { target, postId, reaction, signal, present: false }),
    },
    delete: {
      delete: async (target, postId, signal) =>
        await withAbort(signal, async () => {
          const removed = await store.posts.remove({ organizationId: target.organizationId, postId });
          if (removed !== undefined) await store.uploads.removeFiles(removed.unusedFiles);
        }),
    },
    status: {
      show: async (target, identity, line) => {
        const { agentId, handle, name, color, avatarUrl } = identity;
        const agent = { agentId, handle, name, color, ...(avatarUrl === undefined ? {} : { avatarUrl }) };
        // A status that cannot be shown must not disturb the turn it is about.
        await store.live.setStatus({ ...placeOf(target), ...agent, line: toSafeText(line) }).catch(() => undefined);
      },
    },
    privately: { show: async (reply) => await dependencies.outbound.show(reply) },
    direct: {
      open: async ({ target, personId, identity, signal }) =>
        await withAbort(signal, async () => {
          const { organizationId } = target;
          const { agentId, handle, name } = identity;
          const person = await store.access.person(organizationId, personId);
          if (person?.active !== true)
            throw new ParleyError("TARGET_NOT_FOUND", { detail: "The person is not here.", delivery: "not_sent" });
          const peer = { agentId, handle, name };
          const roomId = await store.rooms.openDirect({ organizationId, roomId: newId("r"), personId, peer });
          const channel = { id: roomId, name, kind: "direct" as const, external: false, agents: [handle] };
          return { space: target.conversation.space, channel };
        }),
    },
    respond: {
      respond: async (target, responseToken, text, signal) =>
        await withAbort(signal, async () => {
          const { organizationId, roomId } = placeOf(target);
          const answer = toSafeText(text.slice(0, MAX_AGENT_POST_CHARS));
          await store.posts.createAnswer({
            organizationId,
            roomId,
            postId: newId("m"),
            commandPostId: responseToken,
            text: answer,
          });
        }),
    },
    members: {
      list: async (target, signal) =>
        await withAbort(signal, async () => {
          const { organizationId, roomId } = placeOf(target);
          const people = await store.rooms.members(organizationId, roomId);
          const self = { id: WEB_SELF_ID, name: "Parley", kind: "bot", self: true, memberClass: "bot" } as const;
          return [
            ...people.map(({ personId, name, role, external }) => {
              const memberClass: MemberClass = external ? "external" : role === "member" ? "member" : "admin";
              const kind = external ? "external_guest" : "human";
              return { id: personId, name, kind, self: false, memberClass } as const;
            }),
            self,
          ];
        }),
      present: async (target, signal) =>
        await withAbort(signal, async () => {
          const { organizationId, roomId } = placeOf(target);
          return (await store.rooms.get(organizationId, roomId)) !== undefined;
        }),
    },
    history: {
      read: async ({ target, since, maxMessages, signal }) =>
        await withAbort(signal, async () => {
          const { organizationId, roomId, threadRootId } = placeOf(target);
          const room = await store.rooms.get(organizationId, roomId);
          if (room === undefined) throw new ParleyError("NOT_FOUND", { detail: "The room is gone." });
          // People speak to one another there without any agent.
          if (room.kind === "direct" && room.agentHandle === undefined) return [];
          const place = threadRootId === undefined ? {} : { thread: threadRootId };
          const posts = await store.posts.since({ organizationId, roomId, since, limit: maxMessages, ...place });
          return posts.map((post) =>
            postToEnvelope(post, room, target.installationId, randomBytes(16).toString("hex")),
          );
        }),
    },
    media: {
      fetch: async ({ installationId, mediaId, maxBytes, signal }) => {
        const found = await withAbort(signal, async () => {
          const upload = await store.uploads.get(await dependencies.organizationOf(installationId), mediaId);
          if (upload === undefined) throw new ParleyError("NOT_FOUND", { detail: "The file is gone." });
          const { mediaType, sizeBytes } = upload;
          if (sizeBytes > maxBytes) return { tooLarge: sizeBytes };
          return { bytes: await buffer(await store.uploads.read(upload.storedName)), mediaType };
        });
        // Outside, where it is not taken for a refusal of something that was written.
        if ("tooLarge" in found)
          throw new ParleyError("PAYLOAD_TOO_LARGE", { detail: `The file has ${found.tooLarge} bytes.` });
        return found;
      },
    },
  };
}

interface Reaction {
  readonly target: Parameters<typeof placeOf>[0];
  readonly postId: string;
  readonly reaction: string;
  readonly present: boolean;
  readonly signal: AbortSignal;
}

async function react(store: WebRoomStore, { target, postId, reaction, present, signal }: Reaction): Promise<void> {
  await withAbort(signal, async () => {
    const actor = { kind: "agent", id: WEB_SELF_ID } as const;
    const post = await store.posts.react({ organizationId: target.organizationId, postId, actor, reaction, present });
    if (post === undefined) throw new ParleyError("NOT_FOUND", { detail: "The message is gone." });
  });
}
