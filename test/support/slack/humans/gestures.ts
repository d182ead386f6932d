import type { Core, OpenView } from "../core.ts";
import { endInstallation } from "../effects/installations.ts";
import { openDirect } from "../effects/membership.ts";
import { byUser } from "../effects/provenance.ts";
import type { EventDelivery, InteractionOutcome } from "../events/delivery.ts";
import type { App, Installation, Wire } from "../model/records.ts";
import { messageWire } from "../model/wire.ts";
import type { DeliveryRecord } from "../oracle/delivery-log.ts";
import { viewWire } from "../web-api/views.ts";

/** A modal as the person sees it. */
export interface SeenView {
  id: string;
  userId: string;
  view: Wire;
  closed: boolean;
}

/** What people do with an app itself: commands, buttons, modals, the stop button, removing it. */
export class Gestures {
  readonly #core: Core;
  readonly #delivery: EventDelivery;

  constructor(core: Core, delivery: EventDelivery) {
    this.#core = core;
    this.#delivery = delivery;
  }

  /** Types a slash command; resolves with what the app answered within the time limit. */
  slash(
    userId: string,
    channelId: string,
    command: string,
    text: string,
    options: { appId?: string } = {},
  ): Promise<InteractionOutcome> {
    const { app, installation } = this.#appFor(userId, options.appId);
    const channel = this.#core.channel(channelId);
    const user = this.#core.user(userId);
    const team = this.#core.world.need(this.#core.world.teams, installation.teamId);
    const triggerId = this.#trigger(installation, userId);
    const form: Record<string, string> = {
      token: app.verificationToken,
      team_id: team.id,
      team_domain: team.domain,
      channel_id: channel.id,
      channel_name:
        channel.kind === "im" ? "directmessage" : channel.kind === "private" ? "privategroup" : channel.name,
      user_id: userId,
      user_name: user.name,
      command,
      text,
      api_app_id: app.id,
      is_enterprise_install: "false",
      response_url: this.#responseUrl(installation, "commands", userId, channel.id),
      trigger_id: triggerId,
    };
    return this.#delivery.sendInteraction(
      app,
      record(triggerId, "slash_commands", installation, command, channel.id),
      form,
      form,
    );
  }

  /** Clicks a button (or picks in a menu) of a message that an app posted. */
  clickButton(
    userId: string,
    target: { channel: string; ts: string },
    actionId: string,
    options: { selected?: Wire; state?: Wire } = {},
  ): Promise<InteractionOutcome> {
    const channel = this.#core.channel(target.channel);
    const message = this.#core.world.needMessage(target.channel, target.ts);
    const { app, installation } = this.#appFor(userId, message.author.appId);
    const element = findElement(message.blocks ?? [], actionId);
    if (element === undefined) throw new Error(`message ${target.ts} has no element ${actionId}`);
    const triggerId = this.#trigger(installation, userId);
    const payload: Wire = {
      type: "block_actions",
      ...this.#origin(app, installation, userId),
      container: { type: "message", message_ts: message.ts, channel_id: channel.id, is_ephemeral: false },
      trigger_id: triggerId,
      channel: { id: channel.id, name: channel.name === "" ? "directmessage" : channel.name },
      message: messageWire(message, channel.teamId),
      state: options.state ?? { values: {} },
      response_url: this.#responseUrl(installation, "actions", userId, channel.id, message.ts),
      actions: [{ ...element, ...options.selected, action_ts: this.#core.eventTs() }],
    };
    const form = { payload: JSON.stringify(payload) };
    const about = record(triggerId, "interactive", installation, "block_actions", channel.id, message.ts);
    return this.#delivery.sendInteraction(app, about, payload, form);
  }

  /** Submits a modal with these values (block_id > action_id > element state); closes it unless the app answers with a response_action. */
  async submitView(userId: string, viewId: string, values: Wire = {}): Promise<InteractionOutcome> {
    const opened = this.#openView(userId, viewId);
    const outcome = await this.#sendView(opened, "view_submission", { values });
    const action = outcome.response["response_action"];
    if (outcome.acknowledged && (action === undefined || action === "clear")) opened.closed = true;
    const { view } = outcome.response;
    if (action === "update" && typeof view === "object" && view !== null) opened.view = view as Wire; // parsed JSON
    return outcome;
  }

  /** Closes a modal; the app hears of it when the view asked for that. */
  async closeView(userId: string, viewId: string): Promise<void> {
    const opened = this.#openView(userId, viewId);
    opened.closed = true;
    if (opened.view["notify_on_close"] === true) await this.#sendView(opened, "view_closed", { values: {} });
  }

  /** The modals that are open for a person. */
  viewsOf(userId: string): SeenView[] {
    return [...this.#core.views.values()]
      .filter((one) => one.userId === userId && !one.closed)
      .map(({ id, view, closed }) => ({ id, userId, view, closed }));
  }

  /** Presses the stop button of an agent session: open streams take no more appends, the app hears agent_session_stopped. */
  stopSession(userId: string, channelId: string, threadTs: string, options: { appId?: string } = {}): string[] {
    const { installation } = this.#appFor(userId, options.appId);
    const channel = this.#core.channel(channelId);
    const root = this.#core.world.needMessage(channelId, threadTs);
    const stopped: string[] = [];
    for (const message of root.replies ?? []) {
      if (message.stream?.state !== "in_progress" || message.author.botId !== installation.botId) continue;
      message.stream.stoppedByUser = true;
      stopped.push(message.ts);
    }
    this.#core.log.append({
      kind: "session",
      team: channel.teamId,
      channel: channelId,
      threadTs,
      text: "stop",
      ...byUser(userId),
    });
    this.#core.events.toInstallation(
      installation,
      {
        type: "agent_session_stopped",
        channel: channelId,
        user: userId,
        thread_ts: threadTs,
        streaming_message_ts: stopped,
        event_ts: this.#core.eventTs(),
      },
      channel,
    );
    return stopped;
  }

  /** Opens the app's DM in the client. */
  openHome(userId: string, options: { tab?: "home" | "messages"; appId?: string } = {}): string {
    const { installation } = this.#appFor(userId, options.appId);
    const { channel } = openDirect(this.#core, installation.teamId, [userId, installation.botUserId]);
    const event = { type: "app_home_opened", user: userId, channel: channel.id, tab: options.tab ?? "messages" };
    this.#core.events.toInstallation(installation, { ...event, event_ts: this.#core.eventTs() }, channel);
    return channel.id;
  }

  /** Removes the app from a workspace: tokens_revoked and app_uninstalled, then its token is dead. */
  uninstall(teamId: string, options: { appId?: string; userId?: string } = {}): void {
    const installation = this.#core.installationIn(teamId, options.appId);
    endInstallation(this.#core, installation, "uninstalled", options.userId ?? "USLACKADMIN");
  }

  /** Revokes the bot token alone. */
  revokeTokens(teamId: string, options: { appId?: string; userId?: string } = {}): void {
    const installation = this.#core.installationIn(teamId, options.appId);
    endInstallation(this.#core, installation, "revoked", options.userId ?? "USLACKADMIN");
  }

  /** The bot token of an app with token rotation reaches its end, unseen by the app. */
  expireToken(teamId: string, options: { appId?: string } = {}): void {
    this.#core.installationIn(teamId, options.appId).tokenExpired = true;
  }

  #appFor(userId: string, appId: string | undefined): { app: App; installation: Installation } {
    const installation = this.#core.installationIn(this.#core.user(userId).teamId, appId);
    return { app: this.#core.world.need(this.#core.world.apps, installation.appId), installation };
  }

  #openView(userId: string, viewId: string): OpenView {
    const opened = this.#core.world.need(this.#core.views, viewId);
    if (opened.closed || opened.userId !== userId) throw new Error(`view ${viewId} is not open for ${userId}`);
    return opened;
  }

  #sendView(opened: OpenView, type: "view_submission" | "view_closed", state: Wire): Promise<InteractionOutcome> {
    const { app, installation } = this.#appFor(opened.userId, opened.appId);
    const triggerId = this.#trigger(installation, opened.userId);
    const payload: Wire = {
      type,
      ...this.#origin(app, installation, opened.userId),
      trigger_id: triggerId,
      view: viewWire(opened, state),
      response_urls: [],
      ...(type === "view_closed" ? { is_cleared: false } : {}),
    };
    const form = { payload: JSON.stringify(payload) };
    return this.#delivery.sendInteraction(app, record(triggerId, "interactive", installation, type), payload, form);
  }

  #origin(app: App, installation: Installation, userId: string): Wire {
    const user = this.#core.user(userId);
    const team = this.#core.world.need(this.#core.world.teams, installation.teamId);
    return {
      user: { id: userId, username: user.name, name: user.name, team_id: user.teamId },
      api_app_id: app.id,
      token: app.verificationToken,
      team: { id: team.id, domain: team.domain },
      enterprise: null,
      is_enterprise_install: false,
    };
  }

  #trigger(installation: Installation, userId: string): string {
    return this.#core.triggers.issue({ appId: installation.appId, teamId: installation.teamId, userId }, "1000.2000.");
  }

  #responseUrl(installation: Installation, kind: string, userId: string, channel: string, messageTs?: string): string {
    const path = `/${kind}/${installation.teamId}/${this.#core.world.newSecret("")}`;
    const { appId, teamId } = installation;
    this.#core.responseUrls.set(path, {
      appId,
      teamId,
      channel,
      userId,
      usesLeft: 5,
      ...(messageTs === undefined ? {} : { messageTs }),
    });
    return `${this.#core.url}${path}`;
  }
}

function record(
  id: string,
  kind: "slash_commands" | "interactive",
  installation: Installation,
  type: string,
  channel?: string,
  ts?: string,
): DeliveryRecord {
  return {
    id,
    kind,
    team: installation.teamId,
    appId: installation.appId,
    type,
    attempts: [],
    state: "pending",
    ...(channel === undefined ? {} : { channel }),
    ...(ts === undefined ? {} : { ts }),
  };
}

/** The interactive element with this action_id, as it appears in block_actions. */
function findElement(blocks: readonly unknown[], actionId: string): Wire | undefined {
  for (const block of blocks) {
    if (typeof block !== "object" || block === null) continue;
    const { block_id: blockId, elements, accessory } = block as Wire; // JSON of a message
    for (const element of [...(Array.isArray(elements) ? elements : []), accessory]) {
      if (typeof element !== "object" || element === null) continue;
      const wire = element as Wire; // JSON of a message
      if (wire["action_id"] !== actionId) continue;
      return {
        action_id: actionId,
        block_id: blockId,
        type: wire["type"],
        ...(wire["text"] === undefined ? {} : { text: wire["text"] }),
        ...(wire["value"] === undefined ? {} : { value: wire["value"] }),
        ...(wire["style"] === undefined ? {} : { style: wire["style"] }),
      };
    }
  }
  return undefined;
}
