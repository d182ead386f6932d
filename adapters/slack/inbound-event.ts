import type { Sender } from "../../src/envelope/conversation.ts";
import { type InboundContext, ignored, malformed, type Translation } from "./inbound-context.ts";
import { envelopeBase, type Place, personSender } from "./inbound-envelope.ts";
import { translateMessage } from "./inbound-message.ts";
import { asId, asList, asRecord, asString, type Raw } from "./raw.ts";
import { asTs, msToTs } from "./timestamps.ts";

/** Event types that are known and carry nothing to route. */
const OF_NO_INTEREST: Readonly<Record<string, string>> = {
  file_shared: "the message carries the file",
  user_change: "profile noted",
  team_join: "profile noted",
  channel_id_changed: "no conversation changes its meaning",
  app_context_changed: "context of the agent view is not used",
  agent_session_title_changed: "titles are not used",
  subteam_members_changed: "groups are not used",
};

/**
 * Translates the body of one Events API delivery (`event_callback`); pure, and never throws.
 *
 * https://docs.slack.dev/apis/events-api#callback-field
 */
export function translateEvent(body: Raw, context: InboundContext): Translation {
  const event = asRecord(body["event"]);
  const type = asString(event?.["type"]);
  if (event === undefined || type === undefined) return malformed("no event inside");
  const external = body["is_ext_shared_channel"] === true;
  if (type === "message" || type === "app_mention") return translateMessage(event, context, external);
  const noInterest = Object.hasOwn(OF_NO_INTEREST, type) ? OF_NO_INTEREST[type] : undefined;
  if (noInterest !== undefined) return ignored(noInterest);
  return new EventReader(body, event, type, context, external).read();
}

class EventReader {
  readonly #event: Raw;
  readonly #type: string;
  readonly #context: InboundContext;
  readonly #external: boolean;
  readonly #eventTs: string;
  /** Slack repeats the id of an event when it delivers it again; without one, its time has to do. */
  readonly #eventKey: string;

  constructor(body: Raw, event: Raw, type: string, context: InboundContext, external: boolean) {
    this.#event = event;
    this.#type = type;
    this.#context = context;
    this.#external = external;
    const eventTime = body["event_time"];
    this.#eventTs =
      asTs(event["event_ts"]) ?? msToTs(typeof eventTime === "number" ? eventTime * 1000 : context.nowMs());
    this.#eventKey = asId(body["event_id"]) ?? this.#eventTs;
  }

  read(): Translation {
    switch (this.#type) {
      case "reaction_added":
      case "reaction_removed":
        return this.#reaction(this.#type);
      case "member_joined_channel":
      case "member_left_channel":
        return this.#member(this.#type === "member_joined_channel" ? "member_joined" : "member_left");
      case "channel_left":
      case "group_left":
        return this.#selfLeft();
      case "channel_created":
      case "channel_rename":
      case "group_rename":
        return this.#named(this.#type === "channel_created" ? "channel_created" : "channel_renamed");
      case "channel_archive":
      case "group_archive":
      case "channel_deleted":
      case "group_deleted":
        return this.#archived(true);
      case "channel_unarchive":
      case "group_unarchive":
        return this.#archived(false);
      case "channel_shared":
      case "channel_unshared":
        return this.#shared();
      case "app_home_opened":
        return this.#homeOpened();
      case "agent_session_stopped":
        return this.#stopped();
      case "tokens_revoked": {
        const bots = asList(asRecord(this.#event["tokens"])?.["bot"]);
        return bots.length > 0
          ? { outcome: "installation", status: "paused", reason: "Slack revoked the bot token" }
          : ignored("a person's token was revoked");
      }
      case "app_uninstalled":
        return { outcome: "installation", status: "removed", reason: "the app was uninstalled" };
      default:
        return ignored(`event type ${this.#type.slice(0, 64)}`);
    }
  }

  #reaction(kind: "reaction_added" | "reaction_removed"): Translation {
    const item = asRecord(this.#event["item"]);
    if (item?.["type"] !== "message") return ignored("reaction to something other than a message");
    const channelId = asId(item["channel"]);
    const messageId = asTs(item["ts"]);
    const userId = asId(this.#event["user"]);
    const reaction = asString(this.#event["reaction"])?.slice(0, 255);
    if (channelId === undefined || messageId === undefined || userId === undefined || reaction === undefined)
      return malformed("reaction without its message, person or name");
    const base = this.#base({ channelId }, personSender(this.#context, userId), [kind, channelId, messageId]);
    return { outcome: "envelope", envelope: { ...base, kind, body: { messageId, reaction } } };
  }

  #member(kind: "member_joined" | "member_left"): Translation {
    const channelId = asId(this.#event["channel"]);
    const memberId = asId(this.#event["user"]);
    if (channelId === undefined || memberId === undefined)
      return malformed("membership event without channel or person");
    const sender = personSender(this.#context, memberId);
    const base = this.#base({ channelId, channelType: asString(this.#event["channel_type"]) }, sender, [
      kind,
      channelId,
      memberId,
    ]);
    const memberName = sender.name === undefined ? {} : { memberName: sender.name };
    return kind === "member_joined"
      ? { outcome: "envelope", envelope: { ...base, kind, body: { memberId, ...memberName, self: sender.self } } }
      : { outcome: "envelope", envelope: { ...base, kind, body: { memberId, self: sender.self } } };
  }

  /** The bot's own removal does not come as member_left_channel (slackapi/bolt-js#1847). */
  #selfLeft(): Translation {
    const channelId = asId(this.#event["channel"]);
    if (channelId === undefined) return malformed("channel_left without a channel");
    const memberId = this.#context.botUserId;
    const sender = personSender(this.#context, asId(this.#event["actor_id"]) ?? memberId);
    const base = this.#base({ channelId }, sender, ["member_left", channelId, memberId]);
    return { outcome: "envelope", envelope: { ...base, kind: "member_left", body: { memberId, self: true } } };
  }

  #named(kind: "channel_created" | "channel_renamed"): Translation {
    const channel = asRecord(this.#event["channel"]);
    const channelId = asId(channel?.["id"]);
    const name = asString(channel?.["name"])?.slice(0, 256);
    if (channelId === undefined || name === undefined) return malformed(`${this.#type} without id or name`);
    const channelType = kind === "channel_created" ? "channel" : this.#type === "group_rename" ? "group" : undefined;
    const place = { channelId, channelName: name, channelType };
    const base = this.#base(place, this.#actor(channel?.["creator"]), [kind, channelId]);
    return { outcome: "envelope", envelope: { ...base, kind, body: { name } } };
  }

  #archived(archived: boolean): Translation {
    const channelId = asId(this.#event["channel"]);
    if (channelId === undefined) return malformed(`${this.#type} without a channel`);
    const channelType = this.#type.startsWith("group_") ? "group" : undefined;
    const base = this.#base({ channelId, channelType }, this.#actor(this.#event["user"]), [this.#type, channelId]);
    return { outcome: "envelope", envelope: { ...base, kind: "channel_archived", body: { archived } } };
  }

  /** Who can read the channel is another matter from now on: what it is and is called is told anew, with that (security rule R18). */
  #shared(): Translation {
    const channelId = asId(this.#event["channel"]);
    if (channelId === undefined) return malformed(`${this.#type} without a channel`);
    const name = this.#context.channel(channelId)?.name;
    if (name === undefined) return ignored("sharing of a channel whose name nobody knows");
    const base = this.#base({ channelId }, this.#actor(this.#event["user"]), [this.#type, channelId]);
    return { outcome: "envelope", envelope: { ...base, kind: "channel_renamed", body: { name } } };
  }

  #homeOpened(): Translation {
    if (this.#event["tab"] !== "messages") return ignored("not the messages tab");
    const channelId = asId(this.#event["channel"]);
    const userId = asId(this.#event["user"]);
    if (channelId === undefined || userId === undefined) return malformed("app_home_opened without channel or person");
    const base = this.#base({ channelId, channelType: "im" }, personSender(this.#context, userId), [
      "direct_message_opened",
      channelId,
    ]);
    return { outcome: "envelope", envelope: { ...base, kind: "direct_message_opened", body: {} } };
  }

  #stopped(): Translation {
    const channelId = asId(this.#event["channel"]);
    if (channelId === undefined) return malformed("agent_session_stopped without a channel");
    const streams = asList(this.#event["streaming_message_ts"]).map(asTs);
    const messageId = streams.length === 1 ? streams[0] : undefined;
    const base = this.#base({ channelId, threadId: asTs(this.#event["thread_ts"]) }, this.#actor(this.#event["user"]), [
      "session_stopped",
      channelId,
    ]);
    return {
      outcome: "envelope",
      envelope: { ...base, kind: "session_stopped", body: messageId === undefined ? {} : { messageId } },
    };
  }

  /** Some administrative events do not say who did it. */
  #actor(user: unknown): Sender {
    const userId = asId(user) ?? asId(this.#event["actor_id"]);
    return userId === undefined ? { id: "unknown", kind: "human", self: false } : personSender(this.#context, userId);
  }

  #base(place: Place, sender: Sender, key: readonly string[]) {
    return envelopeBase(this.#context, { ...place, external: this.#external }, sender, this.#eventTs, [
      ...key,
      this.#eventKey,
    ]);
  }
}
