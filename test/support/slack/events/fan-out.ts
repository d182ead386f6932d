import type { Core } from "../core.ts";
import type { Provenance } from "../effects/provenance.ts";
import type { App, Channel, Installation, Message, Wire } from "../model/records.ts";
import { channelType, messageWire } from "../model/wire.ts";
import type { EventDelivery } from "./delivery.ts";

/** Decides which installations see an event, and hands it to the delivery in the right envelope. */
export class EventFanOut {
  readonly #core: Core;
  readonly #delivery: EventDelivery;
  /** Workspaces whose events are dropped: there are too many. */
  readonly #limited = new Set<string>();

  constructor(core: Core, delivery: EventDelivery) {
    this.#core = core;
    this.#delivery = delivery;
  }

  /** A new message: `message` to every app in the channel, its own author's included, and `app_mention` to those it mentions. */
  messagePosted(channel: Channel, message: Message, root: Message | undefined, provenance: Provenance): void {
    const { random, options } = this.#core;
    let event: Wire | undefined;
    for (const installation of this.#core.world.installationsOf(channel.teamId)) {
      if (installation.state !== "active" || !channel.members.has(installation.botUserId)) continue;
      if (provenance.appId === installation.appId && !options.delivery.echoOwnPosts) continue;
      event ??= messageEvent(channel, message, root);
      const mentions =
        channel.kind !== "im" &&
        provenance.appId !== installation.appId &&
        message.text.includes(`<@${installation.botUserId}`);
      if (!mentions) {
        this.toInstallation(installation, event, channel);
        continue;
      }
      const both: Wire[] = [event, mentionEvent(event)];
      const order = options.delivery.mentionOrder;
      if (order === "mention_first" || (order === "random" && random.chance(0.5))) both.reverse();
      for (const one of both) this.toInstallation(installation, one, channel);
    }
  }

  /** An event that only apps in the channel may see. */
  toMembers(channel: Channel, event: Wire): void {
    for (const installation of this.#core.world.installationsOf(channel.teamId)) {
      if (channel.members.has(installation.botUserId)) this.toInstallation(installation, event, channel);
    }
  }

  /** An event that every app of the workspace may see. */
  toTeam(teamId: string, event: Wire): void {
    for (const installation of this.#core.world.installationsOf(teamId)) this.toInstallation(installation, event);
  }

  /** Drops every event of a workspace from now on, and says so as Slack does once a minute; or ends that. */
  limit(teamId: string, isLimited: boolean): void {
    if (!isLimited) {
      this.#limited.delete(teamId);
      return;
    }
    this.#limited.add(teamId);
    const minute = Math.floor(this.#core.nowMs() / 60_000) * 60;
    for (const { appId } of this.#core.world.installationsOf(teamId)) {
      const app = this.#core.world.need(this.#core.world.apps, appId);
      const type = "app_rate_limited";
      const body = {
        token: app.verificationToken,
        type,
        team_id: teamId,
        minute_rate_limited: minute,
        api_app_id: appId,
      };
      const id = this.#core.world.newId("Ev");
      const record = { id, kind: "events_api", team: teamId, appId, type, attempts: [], state: "pending" } as const;
      this.#delivery.sendEvent(app, { ...record, attempts: [] }, body);
    }
  }

  toInstallation(installation: Installation, event: Wire, channel?: Channel): void {
    const app = this.#core.world.need(this.#core.world.apps, installation.appId);
    const type = String(event["type"]);
    // The farewell events are the only ones that still reach an app which was removed.
    const farewell = type === "app_uninstalled" || type === "tokens_revoked";
    if ((installation.state !== "active" && !farewell) || !isSubscribed(app, event)) return;
    if (this.#limited.has(installation.teamId)) return;
    const eventId = this.#core.world.newId("Ev");
    const body: Wire = {
      token: app.verificationToken,
      team_id: installation.teamId,
      context_team_id: installation.teamId,
      context_enterprise_id: null,
      api_app_id: app.id,
      event,
      type: "event_callback",
      event_id: eventId,
      event_time: Math.floor(this.#core.nowMs() / 1000),
      authorizations: [
        {
          enterprise_id: null,
          team_id: installation.teamId,
          user_id: installation.botUserId,
          is_bot: true,
          is_enterprise_install: false,
        },
      ],
      is_ext_shared_channel: channel?.isExtShared ?? false,
      event_context: `4-${eventId}`,
    };
    const about = aboutOf(event, channel);
    this.#delivery.sendEvent(
      app,
      {
        id: eventId,
        kind: "events_api",
        team: installation.teamId,
        appId: app.id,
        type,
        ...about,
        attempts: [],
        state: "pending",
      },
      body,
    );
  }
}

function messageEvent(channel: Channel, message: Message, root: Message | undefined): Wire {
  const event = messageWire(message, channel.teamId);
  event["channel"] = channel.id;
  event["event_ts"] = message.ts;
  event["channel_type"] = channelType(channel);
  if (root !== undefined) {
    event["parent_user_id"] = root.author.userId;
    if (message.broadcast === true) event["root"] = messageWire(root, channel.teamId);
  }
  return event;
}

/** app_mention repeats the message without files and channel_type (ColeMurray/background-agents#1087). */
function mentionEvent(event: Wire): Wire {
  const { files: _files, upload: _upload, display_as_bot: _display, channel_type: _type, subtype, ...rest } = event;
  return { ...rest, type: "app_mention", ...(subtype === "bot_message" ? { subtype } : {}) };
}

function isSubscribed(app: App, event: Wire): boolean {
  if (app.transport === "none") return false;
  if (app.eventTypes === "all") return true;
  const { type } = event;
  if (type !== "message") return app.eventTypes.includes(String(type));
  const kind = event["channel_type"];
  const suffix = kind === "channel" ? "channels" : kind === "group" ? "groups" : String(kind);
  return app.eventTypes.includes(`message.${suffix}`);
}

function aboutOf(event: Wire, channel: Channel | undefined): { channel?: string; ts?: string } {
  const { ts } = event;
  return {
    ...(channel === undefined ? {} : { channel: channel.id }),
    ...(typeof ts === "string" ? { ts } : {}),
  };
}
