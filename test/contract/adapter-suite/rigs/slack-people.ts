import { setTimeout as pause } from "node:timers/promises";
import { request } from "undici";
import type { ChatAdapter, Target } from "../../../../src/contracts/adapter.ts";
import type { PlatformEventKind as EventKind } from "../../../../src/envelope/envelope.ts";
import type { DeliveryRecord, InteractionOutcome } from "../../../support/slack/index.ts";
import type { Answer, Inbound, InboundOptions } from "../harness.ts";
import { marker, partsOf, postFor } from "../probe.ts";
import { ORGANIZATION, type SlackSide } from "./slack-side.ts";

/** Longest time until Slack has given up all attempts at an event, in ms. */
const GIVEN_UP_MS = 10_000;

/** What people do in the stand-in's Slack, and what became of Slack's telling the app. */
export class SlackPeople {
  readonly #side: SlackSide;
  readonly #adapter: ChatAdapter;

  constructor(side: SlackSide, adapter: ChatAdapter) {
    this.#side = side;
    this.#adapter = adapter;
  }

  conversation(): Target {
    const { slack, workspace, asker, installationId } = this.#side;
    const members = [...workspace.users, workspace.bot.botUserId];
    const channel = slack.setup.addChannel(workspace.team.id, { members });
    return {
      organizationId: ORGANIZATION,
      installationId,
      conversation: {
        space: { id: workspace.team.id },
        channel: { id: channel.id, name: channel.name, kind: "public", external: false },
      },
      askerId: asker,
    };
  }

  thread(target: Target): Target {
    const { slack, asker } = this.#side;
    const root = slack.people.postAs(asker, target.conversation.channel.id, `root ${marker()}`);
    return { ...target, conversation: { ...target.conversation, thread: { id: root.ts } } };
  }

  async inbound(kind: EventKind, options: InboundOptions = {}): Promise<Inbound> {
    const { slack, workspace, asker } = this.#side;
    const { people, gestures } = slack;
    const target = options.target ?? this.conversation();
    const channelId = target.conversation.channel.id;
    const words = options.text ?? `words ${marker()}`;
    const byAsker = { channelId, actorId: asker };
    const written = async (): Promise<string> => {
      const first = await this.inbound("message_created", { target });
      await first.answer;
      return first.messageId ?? "";
    };
    switch (kind) {
      case "message_created": {
        const { file } = options;
        const thread = target.conversation.thread?.id;
        return this.#told("message", byAsker, () => {
          const { ts } = people.postAs(asker, channelId, words, {
            ...(thread === undefined ? {} : { threadTs: thread }),
            ...(file === undefined
              ? {}
              : { files: [{ name: file.name, content: Buffer.from(file.bytes).toString("latin1") }] }),
          });
          if (file !== undefined) this.#keepBytes(channelId, ts, file.bytes);
          return ts;
        });
      }
      case "message_edited": {
        const ts = await written();
        return this.#told("message", byAsker, () => {
          people.editAs(asker, channelId, ts, words);
          return ts;
        });
      }
      case "message_deleted": {
        const ts = await written();
        return this.#told("message", byAsker, () => {
          people.deleteAs(asker, channelId, ts);
          return ts;
        });
      }
      case "reaction_added":
      case "reaction_removed": {
        const ts = await written();
        const react = (): string => {
          people.reactAs(asker, channelId, ts, "eyes");
          return ts;
        };
        if (kind === "reaction_added") return this.#told(kind, byAsker, react);
        await this.#told("reaction_added", byAsker, react).answer;
        return this.#told(kind, byAsker, () => {
          people.unreactAs(asker, channelId, ts, "eyes");
          return ts;
        });
      }
      case "member_joined":
      case "member_left": {
        const newcomer = slack.setup.addUser(workspace.team.id);
        const about = { channelId, actorId: newcomer };
        const joined = this.#told("member_joined_channel", about, () => people.join(newcomer, channelId));
        if (kind === "member_joined") return joined;
        await joined.answer;
        return this.#told("member_left_channel", about, () => people.leave(newcomer, channelId));
      }
      case "channel_created": {
        const from = slack.deliveries.records.length;
        const id = people.createChannel(asker, `room-${marker()}`);
        return { channelId: id, actorId: asker, answer: this.#answerOf("channel_created", from) };
      }
      case "channel_renamed":
        return this.#told("channel_rename", { channelId }, () => people.rename(asker, channelId, `room-${marker()}`));
      case "channel_archived":
        return this.#told("channel_archive", byAsker, () => people.archive(asker, channelId));
      case "direct_message_opened": {
        const from = slack.deliveries.records.length;
        const id = gestures.openHome(asker);
        return { channelId: id, actorId: asker, answer: this.#answerOf("app_home_opened", from) };
      }
      case "command_invoked":
        return { ...byAsker, answer: answered(gestures.slash(asker, channelId, "/parley", options.text ?? "help")) };
      case "action_submitted":
        return this.#press(target);
      case "session_stopped": {
        const thread = target.conversation.thread?.id ?? (await written());
        return this.#told("agent_session_stopped", byAsker, () => void gestures.stopSession(asker, channelId, thread));
      }
      case "thread_created":
        throw new Error("on Slack, threads come without an event");
    }
  }

  async inboundTwice(kind: EventKind): Promise<Inbound> {
    const { conditions } = this.#side.slack;
    conditions.setDeliveryFaults({ duplicate: { probability: 1, maxCopies: 2 } });
    const inbound = await this.inbound(kind);
    conditions.setDeliveryFaults({});
    await inbound.answer;
    return inbound;
  }

  /** One message in a channel that two workspaces share: Slack tells each workspace's app. */
  tellBoth(otherTeamId: string): void {
    const { slack, workspace, asker } = this.#side;
    const { core } = slack;
    const channel = core.channel(this.conversation().conversation.channel.id);
    const ts = core.eventTs();
    const event = { type: "message", user: asker, text: "for both", channel: channel.id, ts, event_ts: ts };
    for (const teamId of [workspace.team.id, otherTeamId]) {
      const installation = core.world.installation(workspace.app.appId, teamId);
      if (installation === undefined) throw new Error(`the app is not in ${teamId}`);
      core.events.toInstallation(installation, { ...event, channel_type: "channel" }, channel);
    }
  }

  async unfurl(): Promise<Inbound> {
    const target = this.conversation();
    const first = await this.inbound("message_created", { target, text: "see https://example.org/page" });
    await first.answer;
    return this.#told("message", first, () => {
      this.#side.slack.people.unfurl(first.channelId, first.messageId ?? "");
      return first.messageId;
    });
  }

  async otherBotSpeaks(): Promise<Inbound> {
    const { slack, workspace } = this.#side;
    const target = this.conversation();
    const channelId = target.conversation.channel.id;
    const app = slack.setup.addApp({ name: "Weather", transport: "none" });
    const bot = slack.setup.install(app.appId, workspace.team.id);
    slack.core.channel(channelId).members.add(bot.botUserId);
    const from = slack.deliveries.records.length;
    const answer = await request(`${slack.apiUrl}chat.postMessage`, {
      method: "POST",
      headers: { authorization: `Bearer ${bot.botToken}`, "content-type": "application/json; charset=utf-8" },
      body: JSON.stringify({ channel: channelId, text: "It will rain." }),
    });
    const posted: unknown = await answer.body.json();
    const ts = typeof posted === "object" && posted !== null && "ts" in posted ? String(posted.ts) : "";
    return { channelId, messageId: ts, answer: this.#answerOf("message", from) };
  }

  async #press(target: Target): Promise<Inbound> {
    const { slack, asker } = this.#side;
    const channelId = target.conversation.channel.id;
    const approval = partsOf([
      { type: "approval_request", approvalId: "a1", prompt: "May I?", options: [{ id: "yes", label: "Yes" }] },
    ]);
    const { messageId } = await this.#adapter.send(postFor(this.#adapter, target, approval));
    const pressed = slack.gestures.clickButton(asker, { channel: channelId, ts: messageId }, "parley_approval:0:a1");
    return { channelId, actorId: asker, messageId, answer: answered(pressed) };
  }

  /** Does something of which Slack tells the app by an event of this type. */
  #told(type: string, about: { channelId: string; actorId?: string }, act: () => string | undefined | void): Inbound {
    const from = this.#side.slack.deliveries.records.length;
    const messageId = act();
    const { channelId, actorId } = about;
    return {
      channelId,
      ...(actorId === undefined ? {} : { actorId }),
      ...(typeof messageId === "string" ? { messageId } : {}),
      answer: this.#answerOf(type, from),
    };
  }

  async #answerOf(type: string, from: number): Promise<Answer> {
    const { records } = this.#side.slack.deliveries;
    const deadlineMs = performance.now() + GIVEN_UP_MS;
    while (performance.now() < deadlineMs) {
      const answer = answerIn(records.slice(from).find((record) => record.type === type));
      if (answer !== undefined) return answer;
      await pause(5);
    }
    throw new Error(`Slack did not come to an end with its ${type}`);
  }

  /** The stand-in takes files as text; the bytes of a picture are none. */
  #keepBytes(channelId: string, ts: string, bytes: Uint8Array): void {
    const file = this.#side.slack.core.channel(channelId).byTs.get(ts)?.files?.[0];
    if (file === undefined) throw new Error("the message has no file");
    file.bytes = Buffer.from(bytes);
    file.length = bytes.length;
  }
}

/** What Slack took the first attempt for. */
function answerIn(record: DeliveryRecord | undefined): Answer | undefined {
  const result = record?.attempts[0]?.result;
  if (result === undefined) return undefined;
  return result === "ok" ? "acknowledged" : "refused";
}

async function answered(outcome: Promise<InteractionOutcome>): Promise<Answer> {
  return (await outcome).acknowledged ? "acknowledged" : "refused";
}
