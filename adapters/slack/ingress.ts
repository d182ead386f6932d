import { createHash } from "node:crypto";
import type { AdapterSink } from "../../src/contracts/adapter-sink.ts";
import type { EnvelopeInput } from "../../src/envelope/envelope.ts";
import { toParleyError } from "../../src/errors/parley-error.ts";
import { storeEnvelope } from "../shared/store-envelope.ts";
import type { CatchUp } from "./catch-up.ts";
import type { SlackConfig } from "./config.ts";
import { formView } from "./forms.ts";
import { malformed, type Translation } from "./inbound-context.ts";
import { translateEvent } from "./inbound-event.ts";
import { type FormOpening, translateCommand, translateInteraction } from "./inbound-interaction.ts";
import { asId, asList, asRecord, asString, type Raw } from "./raw.ts";
import { msToTs } from "./timestamps.ts";
import type { Workspace } from "./workspace.ts";
import type { WorkspaceRef, Workspaces } from "./workspaces.ts";

const PLATFORM = "slack";
/** An event that comes so long after it happened was tried before; Slack's second retry comes after a minute. */
const LATE_MS = 50_000;

/**
 * Takes verified payloads of any transport to the sink.
 *
 * Each method resolves once the payload is committed, dead-lettered or known to be of no interest: then it may be
 * acknowledged. It rejects when it could not be stored: then it must not be.
 */
export class Ingress {
  readonly #config: SlackConfig;
  readonly #sink: AdapterSink;
  readonly #workspaces: Workspaces;
  readonly #catchUp: CatchUp;
  #inFlight = 0;
  #drained: (() => void) | undefined;

  constructor(config: SlackConfig, sink: AdapterSink, workspaces: Workspaces, catchUp: CatchUp) {
    this.#config = config;
    this.#sink = sink;
    this.#workspaces = workspaces;
    this.#catchUp = catchUp;
  }

  event(body: Raw, raw: () => string): Promise<void> {
    return this.#counted(() => this.#event(body, raw));
  }

  command(command: Raw, raw: () => string): Promise<void> {
    return this.#counted(async () => {
      const workspace = await this.#workspaces.find(refOfCommand(command));
      if (workspace === undefined) return this.#unknown("slash command");
      workspace.app.id ??= asId(command["api_app_id"]);
      await known(workspace, asId(command["channel_id"]), asId(command["user_id"]));
      const context = workspace.contextFor(asId(command["team_id"]));
      const translation = guarded(() => translateCommand(command, context, this.#config.command));
      await this.#take(workspace, translation, "slash command", raw, keyOf("command", command["trigger_id"], raw));
    });
  }

  interaction(payload: Raw, raw: () => string): Promise<void> {
    return this.#counted(async () => {
      const type = asString(payload["type"]) ?? "interaction";
      const workspace = await this.#workspaces.find(refOfInteraction(payload));
      if (workspace === undefined) return this.#unknown(type);
      await known(workspace, asId(asRecord(payload["channel"])?.["id"]), asId(asRecord(payload["user"])?.["id"]));
      const key = keyOf("interaction", payload["trigger_id"], raw);
      const context = workspace.contextFor(asId(asRecord(payload["team"])?.["id"]));
      for (const translation of guarded(() => translateInteraction(payload, context), list)) {
        if (translation.outcome === "open_form") this.#openForm(workspace, translation);
        else await this.#take(workspace, translation, type, raw, key);
      }
    });
  }

  /** Stores a payload that is no JSON object at all. */
  malformed(reason: string, raw: () => string): Promise<void> {
    return this.#counted(() => this.#malformed(this.#workspaces.single(), reason, raw, keyOf("body", undefined, raw)));
  }

  /** Resolves when nothing is being stored any more. */
  drained(): Promise<void> {
    if (this.#inFlight === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#drained = resolve;
    });
  }

  async #event(body: Raw, raw: () => string): Promise<void> {
    const type = asString(body["type"]);
    if (type === "app_rate_limited") {
      const workspace = await this.#workspaces.find({ teamIds: [asId(body["team_id"])], enterpriseInstall: false });
      this.#sink.logger.warn(
        { installationId: workspace?.installationId ?? "unknown" },
        "slack drops events of this workspace: more than 30,000 an hour; they are read from its history",
      );
      if (workspace !== undefined) this.#catchUp.limited(workspace);
      return;
    }
    if (type !== "event_callback") {
      if (type === undefined)
        return this.#malformed(this.#workspaces.single(), "payload without a type", raw, keyOf("body", undefined, raw));
      return this.#ignore("unknown", type, "unknown kind of payload");
    }
    const event = asRecord(body["event"]);
    const eventType = asString(event?.["type"]) ?? "unknown";
    const workspace = await this.#workspaces.find(refOfEvent(body));
    if (workspace === undefined) return this.#unknown(eventType);
    workspace.app.id ??= asId(body["api_app_id"]);
    if (event !== undefined) await this.#prepare(workspace, event, eventType);
    const context = workspace.contextFor(asId(body["team_id"]));
    const translation = guarded(() => translateEvent(body, context));
    const atS = body["event_time"];
    if (typeof atS === "number" && Date.now() - atS * 1_000 > LATE_MS) this.#catchUp.late(workspace);
    await this.#take(workspace, translation, eventType, raw, keyOf("event", body["event_id"], raw));
  }

  /** Learns what the event tells about people and channels, and looks its channel up where it does not say enough. */
  async #prepare(workspace: Workspace, event: Raw, type: string): Promise<void> {
    const { directory } = workspace;
    const user = asRecord(event["user"]);
    if ((type === "user_change" || type === "team_join") && user !== undefined) directory.notePerson(user);
    const channelId =
      asId(event["channel"]) ?? asId(asRecord(event["item"])?.["channel"]) ?? asId(asRecord(event["channel"])?.["id"]);
    if (channelId === undefined) return;
    if (type === "channel_rename" || type === "group_rename")
      directory.changeChannel(channelId, { name: asString(asRecord(event["channel"])?.["name"])?.slice(0, 256) });
    if (type === "channel_shared") directory.changeChannel(channelId, { external: true });
    if (type === "channel_unshared") directory.changeChannel(channelId, { external: event["is_ext_shared"] === true });
    if (event["subtype"] === "channel_convert_to_private") directory.changeChannel(channelId, { kind: "private" });
    // Of what bots write, the event itself says all that matters.
    const actor =
      asId(event["bot_id"]) === undefined
        ? (asId(event["user"]) ?? asId(asRecord(event["message"])?.["user"]))
        : undefined;
    await known(workspace, channelId, actor);
  }

  async #take(
    workspace: Workspace,
    translation: Translation,
    eventType: string,
    raw: () => string,
    key: string,
  ): Promise<void> {
    workspace.lastEventAtMs = Date.now();
    switch (translation.outcome) {
      case "envelope":
        await storeEnvelope(this.#sink, translation.envelope, (reason) => this.#malformed(workspace, reason, raw, key));
        return this.#noteTaken(workspace, translation.envelope);
      case "ignored":
        return this.#ignore(workspace.installationId, eventType, translation.reason);
      case "malformed":
        return this.#malformed(workspace, translation.reason, raw, key);
      case "installation":
        return this.#workspaces.setStatus(workspace, translation.status, translation.reason);
    }
  }

  /** Of a channel that the bot came to only now, what was said before is none of its business. */
  #noteTaken(workspace: Workspace, envelope: EnvelopeInput): void {
    const { conversation, occurredAt } = envelope;
    if (envelope.kind === "message_created")
      this.#catchUp.taken(workspace, conversation.channel.id, envelope.body.messageId);
    if (envelope.kind === "member_joined" && envelope.body.self)
      this.#catchUp.taken(workspace, conversation.channel.id, msToTs(Date.parse(occurredAt)));
  }

  #openForm(workspace: Workspace, opening: FormOpening): void {
    const view = formView(opening.packed, opening.origin);
    if (view === undefined) {
      this.#ignore(workspace.installationId, "block_actions", "the button holds no form");
      return;
    }
    // Not awaited: Slack wants its answer now, and a form that does not open is opened by a second press.
    workspace.write("views.open", { trigger_id: opening.triggerId, view }).catch((error: unknown) => {
      const fault = toParleyError(error);
      this.#sink.logger.warn(
        { installationId: workspace.installationId, code: fault.code, detail: fault.detail },
        "a form could not be opened",
      );
    });
  }

  async #malformed(
    workspace: Workspace | undefined,
    reason: string,
    raw: () => string,
    dedupeKey: string,
  ): Promise<void> {
    await this.#sink.ingestMalformed({
      platform: PLATFORM,
      installationId: workspace?.installationId ?? "unknown",
      organizationId: workspace?.record.organizationId ?? this.#config.organizationId,
      reason,
      raw: raw(),
      dedupeKey,
    });
  }

  #unknown(eventType: string): void {
    this.#ignore("unknown", eventType, "no installation of Parley in that workspace");
  }

  #ignore(installationId: string, eventType: string, reason: string): void {
    this.#sink.ignored({ platform: PLATFORM, installationId, eventType, reason });
  }

  async #counted(work: () => Promise<void>): Promise<void> {
    this.#inFlight += 1;
    try {
      await work();
    } finally {
      this.#inFlight -= 1;
      if (this.#inFlight === 0) this.#drained?.();
    }
  }
}

/** Resolves when both are known, or would take too long. */
async function known({ directory }: Workspace, channelId?: string, userId?: string): Promise<void> {
  await Promise.all([
    channelId === undefined ? undefined : directory.ensureChannel(channelId),
    userId === undefined ? undefined : directory.ensurePerson(userId),
  ]);
}

const list = (translation: Translation): readonly Translation[] => [translation];

/** A payload that breaks the translation is a dead letter: were it refused, Slack would send it thrice and then forget it. */
function guarded<Result>(translate: () => Result): Result | Translation;
function guarded<Result>(translate: () => Result, wrap: (translation: Translation) => Result): Result;
function guarded<Result>(translate: () => Result, wrap?: (translation: Translation) => Result): Result | Translation {
  try {
    return translate();
  } catch (error) {
    const failure = malformed(`translation failed: ${error instanceof Error ? error.name : "unknown"}`);
    return wrap === undefined ? failure : wrap(failure);
  }
}

/** What Slack's own ids are made of; anything else would be refused where the key is stored. */
const SAFE_KEY = /^[\w.:-]{1,200}$/u;

/** Equal for redeliveries: by Slack's own id of the payload, or else by its bytes. */
function keyOf(kind: string, id: unknown, raw: () => string): string {
  const known = asString(id);
  return `slack:${kind}:${known !== undefined && SAFE_KEY.test(known) ? known : createHash("sha256").update(raw()).digest("hex")}`;
}

/** Slack Connect: `authorizations` and `context_team_id` name the workspace of the installation, `team_id` may be another. */
function refOfEvent(body: Raw): WorkspaceRef {
  const authorization = asRecord(asList(body["authorizations"])[0]);
  return {
    teamIds: [
      asId(authorization?.["enterprise_id"]),
      asId(authorization?.["team_id"]),
      asId(body["context_team_id"]),
      asId(body["team_id"]),
      asId(body["context_enterprise_id"]),
      asId(body["enterprise_id"]),
    ],
    enterpriseInstall: authorization?.["is_enterprise_install"] === true,
  };
}

function refOfCommand(command: Raw): WorkspaceRef {
  return {
    teamIds: [asId(command["enterprise_id"]), asId(command["team_id"])],
    enterpriseInstall: command["is_enterprise_install"] === true || command["is_enterprise_install"] === "true",
  };
}

function refOfInteraction(payload: Raw): WorkspaceRef {
  const teamId = asId(asRecord(payload["team"])?.["id"]) ?? asId(asRecord(payload["user"])?.["team_id"]);
  return {
    teamIds: [asId(asRecord(payload["enterprise"])?.["id"]), teamId],
    enterpriseInstall: payload["is_enterprise_install"] === true,
  };
}
