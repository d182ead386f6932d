import type { FastifyInstance, FastifyRequest } from "fastify";
import type { ChatAdapter, InstallationHealth } from "../../src/contracts/adapter.ts";
import type { AdapterSink } from "../../src/contracts/adapter-sink.ts";
import type { RoomVisitors } from "../../src/contracts/web-visitor.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { resolveConfig, type WebAdapterConfig } from "./config.ts";
import type { WebAdapterDependencies, WebContext } from "./context.ts";
import { createFeatures } from "./features.ts";
import { hashSecret, newId } from "./ids.ts";
import { Intake } from "./intake.ts";
import { mountWebRoom } from "./mount.ts";
import { Outbound } from "./outbound.ts";
import { PeopleDirectory } from "./people-directory.ts";
import { MIN_PREVIEW_INTERVAL_MS } from "./preview.ts";
import { MAX_AGENT_POST_CHARS } from "./render.ts";
import { readSessionCookie } from "./session-cookie.ts";
import { SocketHub } from "./socket-hub.ts";
import { createVisitors } from "./visitor.ts";
import { WebInstallations } from "./web-installations.ts";
import { webRenderer } from "./web-renderer.ts";

/** The room that everybody is in. */
const DEFAULT_ROOM_NAME = "general";
const PRUNE_INTERVAL_MS = 60 * 60_000;
/** How often growing messages are looked for that nobody ends any more. */
const ABANDONED_INTERVAL_MS = 15_000;
/** What nobody needs any more is kept this long, so that late repeats are still known. */
const PRUNE_AGE_MS = 24 * 60 * 60_000;

/** The built-in web room: a platform of its own, whose log is in the ledger's database. */
export function createWebAdapter(config: WebAdapterConfig, dependencies: WebAdapterDependencies): WebAdapter {
  return new WebRoomAdapter(config, dependencies);
}

export interface WebAdapter extends ChatAdapter {
  /** The owner of an organization whose session the request carries; needs its cookies to be parsed, and leaves its origin to the caller. */
  ownerOf(request: FastifyRequest): Promise<{ readonly organizationId: string; readonly personId: string } | undefined>;
  /** The rooms for people who come by another way than the page. */
  readonly visitors: RoomVisitors;
}

class WebRoomAdapter implements WebAdapter {
  readonly platform = "web";
  readonly limits: ChatAdapter["limits"];
  readonly features: ChatAdapter["features"];
  readonly visitors: RoomVisitors;
  readonly #context: WebContext;
  readonly #outbound: Outbound;
  #installations: WebInstallations | undefined;
  #sink: AdapterSink | undefined;
  #started: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;
  #pruning: NodeJS.Timeout | undefined;
  #ending: NodeJS.Timeout | undefined;

  constructor(config: WebAdapterConfig, { store, agents, invitations, explain }: WebAdapterDependencies) {
    const people = new PeopleDirectory(store.access);
    this.#context = {
      config: resolveConfig(config),
      store,
      agents,
      explain,
      invitations,
      installationOf: async (organizationId) => await this.#requireInstallations().of(organizationId),
      people,
      intake: new Intake(store),
      hub: new SocketHub({ store, people, agents, revision: invitations?.revision, logger: () => this.#sink?.logger }),
      sink: () => this.#sink,
    };
    this.limits = {
      maxTextChars: MAX_AGENT_POST_CHARS,
      minEditIntervalMs: MIN_PREVIEW_INTERVAL_MS,
      // The room has no write rates: people see an answer from its first words.
      previewAfterMs: 0,
      maxUploadBytes: this.#context.config.maxUploadBytes,
    };
    this.#outbound = new Outbound(store, people);
    this.visitors = createVisitors(this.#context);
    this.features = createFeatures({
      store,
      hub: this.#context.hub,
      outbound: this.#outbound,
      organizationOf: async (installationId) => await this.#requireInstallations().organizationOf(installationId),
    });
  }

  readonly mount = async (server: FastifyInstance): Promise<void> => {
    await mountWebRoom(server, this.#context);
  };

  start(sink: AdapterSink, signal: AbortSignal): Promise<void> {
    this.#started ??= this.#start(sink, signal);
    return this.#started;
  }

  async #start(sink: AdapterSink, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { config, store, intake, hub } = this.#context;
    const installations = new WebInstallations(sink.installations);
    for (const organizationId of config.organizationIds) {
      await installations.ensure(organizationId);
      await store.rooms.ensureDefaultRoom({ organizationId, roomId: newId("r"), name: DEFAULT_ROOM_NAME });
    }
    this.#installations = installations;
    await hub.start();
    await intake.start({ sink, installationOf: async (organizationId) => await installations.of(organizationId) });
    this.#sink = sink;
    this.#pruning = setInterval(() => void this.#prune(), PRUNE_INTERVAL_MS);
    this.#pruning.unref();
    this.#ending = setInterval(() => void this.#endAbandoned(), ABANDONED_INTERVAL_MS);
    this.#ending.unref();
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    await this.#started?.catch(() => undefined);
    this.#sink = undefined;
    clearInterval(this.#pruning);
    clearInterval(this.#ending);
    await this.#context.intake.stop();
    await this.#context.hub.stop();
  }

  render: ChatAdapter["render"] = webRenderer.render;
  losses: ChatAdapter["losses"] = webRenderer.losses;
  send: ChatAdapter["send"] = async (post) => await this.#outbound.send(post);
  reconcile: ChatAdapter["reconcile"] = async (query) => await this.#outbound.reconcile(query);

  health(): readonly InstallationHealth[] {
    const state = this.#sink === undefined ? "connecting" : "connected";
    const { lastEventAt } = this.#context.intake;
    return (this.#installations?.known() ?? []).map(({ installationId, name }) => ({
      installationId,
      name,
      state,
      ...(lastEventAt === undefined ? {} : { lastEventAt }),
    }));
  }

  async ownerOf(request: FastifyRequest): ReturnType<WebAdapter["ownerOf"]> {
    const { config, store } = this.#context;
    const token = readSessionCookie(request, config.publicUrl);
    const session = token === undefined ? undefined : await store.access.session(hashSecret(token));
    const isKnown = session !== undefined && config.organizationIds.includes(session.organizationId);
    return isKnown && session.role === "owner" ? session : undefined;
  }

  #requireInstallations(): WebInstallations {
    if (this.#installations === undefined) {
      throw new ParleyError("PLATFORM_UNAVAILABLE", { detail: "The web room is not running in this process." });
    }
    return this.#installations;
  }

  async #endAbandoned(): Promise<void> {
    try {
      for (const organizationId of this.#context.config.organizationIds)
        await this.#context.store.posts.endAbandoned(organizationId);
    } catch {
      this.#sink?.logger.info({}, "web room: half answers could not be looked for; tried again in a moment");
    }
  }

  async #prune(): Promise<void> {
    try {
      const { unusedFiles } = await this.#context.store.events.prune(PRUNE_AGE_MS);
      await this.#context.store.uploads.removeFiles(unusedFiles);
    } catch {
      this.#sink?.logger.warn({}, "web room: old entries could not be removed; tried again in an hour");
    }
  }
}
