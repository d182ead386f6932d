import { setTimeout as pause } from "node:timers/promises";
import type { ChatAdapter, Target } from "../../../../src/contracts/adapter.ts";
import type { PlatformEventKind as EventKind } from "../../../../src/envelope/envelope.ts";
import { relationOf } from "../../../support/matrix/index.ts";
import type { Inbound, InboundOptions } from "../harness.ts";
import { marker, PATIENCE_MS, partsOf, postFor } from "../probe.ts";
import { type MatrixSide, ORGANIZATION } from "./matrix-side.ts";

/** What people do in rooms of the homeserver, and what became of the adapter's being told. */
export class MatrixPeople {
  readonly #side: MatrixSide;
  readonly #adapter: ChatAdapter;

  constructor(side: MatrixSide, adapter: ChatAdapter) {
    this.#side = side;
    this.#adapter = adapter;
  }

  /** The speaker has the right to call everybody, so that it is the adapter alone who does not. */
  async conversation({ plain = false }: { readonly plain?: boolean } = {}): Promise<Target> {
    const { asker, bystander, speaker, installationId, stage } = this.#side;
    const encrypting = plain ? undefined : this.#side.encrypting;
    const name = `room-${marker()}`;
    const roomId = await asker.createRoom({
      name,
      invite: [bystander.userId],
      version: "11",
      encrypted: encrypting !== undefined,
      power: { [speaker.userId]: 50 },
    });
    await bystander.join(roomId);
    // Invited last: the adapter joins by itself, and with its joining acknowledged nothing of the room's making is still to come.
    await asker.invite(roomId, speaker.userId);
    await speaker.join(roomId);
    if (await this.#side.isRunning())
      await this.#side.deliveries.answerOf(await this.#stateEvent(roomId, "m.room.member", speaker.userId));
    await encrypting?.asker.sees(roomId, [bystander.userId, speaker.userId]);
    await encrypting?.bystander.sees(roomId, [asker.userId, speaker.userId]);
    return {
      organizationId: ORGANIZATION,
      installationId,
      conversation: {
        space: { id: stage.synapse.serverName },
        channel: { id: roomId, name, kind: "private", external: false },
      },
      askerId: asker.userId,
    };
  }

  /** Goes wherever the speaker has invited the asker as to a direct message. */
  async agree(): Promise<void> {
    const { asker, speaker, encrypting, directRooms } = this.#side;
    for (const { roomId, inviter, direct } of await asker.invitations()) {
      if (inviter !== speaker.userId || !direct) continue;
      await asker.join(roomId);
      await encrypting?.asker.sees(roomId, [speaker.userId]);
      directRooms.push(roomId);
    }
  }

  async thread(target: Target): Promise<Target> {
    const root = await this.#side.asker.say(target.conversation.channel.id, `root ${marker()}`);
    return { ...target, conversation: { ...target.conversation, thread: { id: root } } };
  }

  async inbound(kind: EventKind, options: InboundOptions = {}): Promise<Inbound> {
    const { asker, stage, deliveries } = this.#side;
    const target = options.target ?? (await this.conversation());
    const channelId = target.conversation.channel.id;
    const words = options.text ?? `words ${marker()}`;
    const about = (eventId: string, messageId?: string, actorId: string = asker.userId): Inbound => ({
      channelId,
      actorId,
      ...(messageId === undefined ? {} : { messageId }),
      answer: deliveries.answerOf(eventId),
    });
    const written = async (): Promise<string> => {
      const first = await this.inbound("message_created", { target });
      await first.answer;
      return first.messageId ?? "";
    };
    switch (kind) {
      case "message_created": {
        const eventId = await this.#write(target, words, options.file);
        return about(eventId, eventId);
      }
      case "message_edited": {
        const messageId = await written();
        return about(await asker.edit(channelId, messageId, words), messageId);
      }
      case "message_deleted": {
        const messageId = await written();
        return about(await asker.redact(channelId, messageId), messageId);
      }
      case "reaction_added": {
        const messageId = await written();
        return about(await asker.react(channelId, messageId, "👀"), messageId);
      }
      case "reaction_removed": {
        const messageId = await written();
        const reaction = await asker.react(channelId, messageId, "👀");
        await deliveries.answerOf(reaction);
        return about(await asker.redact(channelId, reaction), messageId);
      }
      case "member_joined":
      case "member_left": {
        const newcomer = await stage.person("Noor");
        await asker.invite(channelId, newcomer.userId);
        await newcomer.join(channelId);
        const joined = await this.#stateEvent(channelId, "m.room.member", newcomer.userId);
        if (kind === "member_joined") return about(joined, undefined, newcomer.userId);
        await deliveries.answerOf(joined);
        await newcomer.leave(channelId);
        const left = await this.#stateEvent(channelId, "m.room.member", newcomer.userId);
        return about(left, undefined, newcomer.userId);
      }
      case "channel_renamed":
        return about(await asker.rename(channelId, `room-${marker()}`));
      case "channel_archived": {
        await asker.upgrade(channelId, "12");
        return about(await this.#stateEvent(channelId, "m.room.tombstone"));
      }
      case "command_invoked":
        return about(await asker.say(channelId, `!parley ${options.text ?? "help"}`));
      case "action_submitted":
        return await this.#decide(target);
      case "channel_created":
      case "direct_message_opened":
      case "session_stopped":
      case "thread_created":
        throw new Error(`in Matrix, ${kind} comes without an event`);
    }
  }

  async inboundTwice(kind: EventKind): Promise<Inbound> {
    const seen = new Set<string>();
    const { deliveries } = this.#side;
    const watched = {
      ...this.#side,
      deliveries: { ...deliveries, answerOf: (id: string) => (seen.add(id), deliveries.answerOf(id)) },
    };
    const inbound = await new MatrixPeople(watched, this.#adapter).inbound(kind);
    await inbound.answer;
    const last = [...seen].at(-1);
    if (last === undefined) throw new Error(`${kind} has no event`);
    await deliveries.again(last);
    return inbound;
  }

  /** A pin says something about a message, and nothing of its text. */
  async pin(): Promise<Inbound> {
    const { asker, deliveries } = this.#side;
    const first = await this.inbound("message_created");
    await first.answer;
    const pinned = await asker.setState(first.channelId, "m.room.pinned_events", { pinned: [first.messageId] });
    return { ...first, answer: deliveries.answerOf(pinned) };
  }

  async say(target: Target): Promise<string> {
    return await this.#side.asker.say(target.conversation.channel.id, `words ${marker()}`);
  }

  async #write(target: Target, words: string, file: InboundOptions["file"]): Promise<string> {
    const { asker } = this.#side;
    const { channel, thread } = target.conversation;
    const place = thread === undefined ? {} : { thread: thread.id };
    if (file !== undefined)
      return await asker.sendFile(channel.id, { name: file.name, bytes: file.bytes, mediaType: "image/png" }, place);
    const html = words.replaceAll(/\*\*(.+?)\*\*/gu, "<strong>$1</strong>");
    return await asker.say(channel.id, words, { ...place, ...(html === words ? {} : { html }) });
  }

  /** As people decide here: by one of the signs that the adapter put under its question. */
  async #decide(target: Target): Promise<Inbound> {
    const { asker, speaker, log, deliveries, encrypting } = this.#side;
    const channelId = target.conversation.channel.id;
    const approval = partsOf([
      { type: "approval_request", approvalId: "a1", prompt: "May I?", options: [{ id: "yes", label: "Yes" }] },
    ]);
    const { messageId } = await this.#adapter.send(postFor(this.#adapter, target, approval));
    const deadlineMs = performance.now() + PATIENCE_MS;
    for (;;) {
      const events = await log.events(channelId);
      const opened =
        encrypting === undefined ? events : await Promise.all(events.map((one) => encrypting.asker.open(one)));
      const seeded = opened.find(
        (event) =>
          event.sender === speaker.userId && relationOf(event).event_id === messageId && event.type === "m.reaction",
      );
      const key = seeded && relationOf(seeded).key;
      if (key !== undefined) {
        const answer = deliveries.answerOf(await asker.react(channelId, messageId, key));
        return { channelId, actorId: asker.userId, messageId, answer };
      }
      if (performance.now() > deadlineMs) throw new Error("no sign was put under the question");
      await pause(20);
    }
  }

  async #stateEvent(roomId: string, type: string, stateKey = ""): Promise<string> {
    const path = `/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}/state`;
    const state = await this.#side.asker.api.call<{ type: string; state_key: string; event_id: string }[]>("GET", path);
    const found = state.find((event) => event.type === type && event.state_key === stateKey);
    if (found === undefined) throw new Error(`the room has no ${type}`);
    return found.event_id;
  }
}
