import { setTimeout as pause } from "node:timers/promises";
import Fastify from "fastify";
import { createSlackAdapter, type SlackAdapterConfig } from "../../../adapters/slack/index.ts";
import type {
  AgentIdentity,
  ChatAdapter,
  OutboundPost,
  ReconcileQuery,
  Target,
} from "../../../src/contracts/adapter.ts";
import type { AdapterSink, Installation, MalformedEvent } from "../../../src/contracts/adapter-sink.ts";
import type { Logger } from "../../../src/contracts/logger.ts";
import { Envelope } from "../../../src/envelope/envelope.ts";
import type { ReplyPartInput } from "../../../src/envelope/reply.ts";
import { ReplyPart } from "../../../src/envelope/reply.ts";
import { ParleyError } from "../../../src/errors/parley-error.ts";
import { recordedState } from "../../support/recorded-state.ts";
import { freePort } from "../../support/servers/free-port.ts";
import {
  createSlackStandIn,
  type SlackStandIn,
  type SmallWorkspace,
  type StandInOptions,
} from "../../support/slack/index.ts";

export const GUIDE: AgentIdentity = { agentId: "1", handle: "guide", name: "Guide", color: "#112233" };

/** Keeps what an adapter hands in, and can be told to fail or to wait as a ledger would. */
export class RecordingSink implements AdapterSink {
  readonly envelopes: Envelope[] = [];
  readonly malformed: MalformedEvent[] = [];
  readonly skipped: { eventType: string; reason: string }[] = [];
  readonly rows = new Map<string, Installation>();
  readonly logged: string[] = [];
  readonly state = recordedState();
  /** Number of saved installations that are still to fail. */
  installationFailures = 0;
  /** How long a change of an installation takes, in ms. */
  installationDelayMs = 0;
  /** Number of ingests that are still to fail. */
  failures = 0;
  /** Awaited before each ingest resolves. */
  gate: Promise<void> = Promise.resolve();
  ingesting = 0;
  readonly #seen = new Map<string, string>();
  readonly #agents = [
    { agentId: "1", handle: "guide", name: "Guide" },
    { agentId: "2", handle: "assistant", name: "Assistant" },
  ];

  readonly ingest: AdapterSink["ingest"] = async (input) => {
    const parsed = Envelope.safeParse(input);
    if (!parsed.success) throw new ParleyError("PAYLOAD_MALFORMED", { detail: "not an envelope" });
    const envelope = parsed.data;
    this.ingesting += 1;
    try {
      await this.gate;
    } finally {
      this.ingesting -= 1;
    }
    if (this.failures > 0) {
      this.failures -= 1;
      throw new ParleyError("LEDGER_UNAVAILABLE");
    }
    const known = this.#seen.get(envelope.dedupeKey);
    if (known !== undefined) return { eventId: known, duplicate: true };
    const eventId = `event-${this.#seen.size + 1}`;
    this.#seen.set(envelope.dedupeKey, eventId);
    this.envelopes.push(envelope);
    return { eventId, duplicate: false };
  };

  readonly ingestMalformed: AdapterSink["ingestMalformed"] = async (event) => {
    if (!this.malformed.some((one) => one.dedupeKey === event.dedupeKey)) this.malformed.push(event);
  };

  readonly ignored: AdapterSink["ignored"] = ({ eventType, reason }) => {
    this.skipped.push({ eventType, reason });
  };

  readonly installations: AdapterSink["installations"] = {
    list: async (platform) => [...this.rows.values()].filter((row) => row.platform === platform),
    save: async (installation) => {
      if (this.installationFailures > 0) {
        this.installationFailures -= 1;
        throw new ParleyError("LEDGER_UNAVAILABLE");
      }
      const row: Installation = {
        ...installation,
        installationId: `inst-${installation.externalId}`,
        status: "active",
      };
      this.rows.set(row.installationId, row);
      return row;
    },
    setStatus: async (installationId, status) => {
      await pause(this.installationDelayMs);
      const row = this.rows.get(installationId);
      if (row !== undefined) this.rows.set(installationId, { ...row, status });
    },
  };

  readonly agents: AdapterSink["agents"] = () => this.#agents;
  readonly agentsFor: AdapterSink["agentsFor"] = () => this.#agents;

  readonly logger: Logger = this.#loggerOf();

  /** What people wrote, oldest first; the bot's own messages apart. */
  people(): Envelope[] {
    return this.envelopes.filter((envelope) => !envelope.sender.self);
  }

  #loggerOf(): Logger {
    const note = (fields: object, message: string): void =>
      void this.logged.push(`${message} ${JSON.stringify(fields)}`);
    return { debug: note, info: note, warn: note, error: note, child: () => this.#loggerOf() };
  }
}

export interface Bench {
  readonly slack: SlackStandIn;
  readonly workspace: SmallWorkspace;
  readonly adapter: ChatAdapter;
  readonly sink: RecordingSink;
  /** Address of the adapter's own server. */
  readonly url: string;
  readonly person: string;
  readonly channel: string;
  target(thread?: string): Target;
  post(text: string, more?: Partial<OutboundPost> & { thread?: string }): OutboundPost;
  render(...parts: ReplyPartInput[]): OutboundPost[];
  reconcile(idempotencyKey: string, more?: Partial<ReconcileQuery>): ReturnType<ChatAdapter["reconcile"]>;
  close(): Promise<void>;
}

export interface BenchOptions {
  readonly mode?: "http" | "socket";
  readonly standIn?: StandInOptions;
  readonly config?: Partial<SlackAdapterConfig>;
  readonly scopes?: string[];
  readonly channels?: number;
  readonly startsLater?: boolean;
  /** Without a token of its own: workspaces connect by OAuth. */
  readonly oauth?: boolean;
}

/** A stand-in, a workspace in it and an adapter that is connected to it. */
export async function createBench(options: BenchOptions = {}): Promise<Bench> {
  const mode = options.mode ?? "http";
  const slack = await createSlackStandIn({ delivery: { retryScale: 0.001 }, ...options.standIn });
  const port = await freePort();
  const http = Fastify({ forceCloseConnections: true });
  const workspace = slack.setup.smallWorkspace({
    channels: options.channels ?? 1,
    ...(options.scopes === undefined ? {} : { scopes: options.scopes }),
  });
  const adapter = createSlackAdapter({
    organizationId: "main",
    mode,
    ...(options.oauth === true
      ? {
          clientId: workspace.app.clientId,
          clientSecret: workspace.app.clientSecret,
          stateSecret: "a state secret of some length",
          authorizeUrl: `${slack.url}/oauth/v2/authorize`,
          publicUrl: `http://127.0.0.1:${port}`,
        }
      : { botToken: workspace.bot.botToken }),
    signingSecret: workspace.app.signingSecret,
    appToken: workspace.app.appToken,
    apiUrl: slack.apiUrl,
    pacing: false,
    reconcileSettleMs: 0,
    callTimeoutMs: 2_000,
    ...options.config,
  });
  await adapter.mount?.(http);
  const url = await http.listen({ host: "127.0.0.1", port });
  if (mode === "http")
    slack.setup.configureApp(workspace.app.appId, { transport: "http", requestUrl: `${url}/slack/events` });
  const sink = new RecordingSink();
  const running = new AbortController();
  if (options.startsLater !== true) await adapter.start(sink, running.signal);
  const person = workspace.users[0] ?? "";
  const channel = workspace.channels[0] ?? "";
  const target = (thread?: string): Target => ({
    organizationId: "main",
    installationId: `inst-${workspace.team.id}`,
    conversation: {
      space: { id: workspace.team.id },
      channel: { id: channel, kind: "public", external: false },
      ...(thread === undefined ? {} : { thread: { id: thread } }),
    },
    askerId: person,
  });
  const render = (...parts: ReplyPartInput[]): OutboundPost[] =>
    adapter
      .render(
        parts.map((part) => ReplyPart.parse(part)),
        { identity: GUIDE, conversation: target().conversation, mentionable: [person] },
      )
      .map((post, index) => ({
        ...post,
        target: target(),
        identity: GUIDE,
        idempotencyKey: `key-${index}`,
        signal: running.signal,
      }));
  return {
    slack,
    workspace,
    adapter,
    sink,
    url,
    person,
    channel,
    target,
    render,
    post: (text, { thread, ...more } = {}) => {
      const [post] = render({ type: "text", markdown: text });
      if (post === undefined) throw new Error("nothing was rendered");
      return { ...post, target: target(thread), ...more };
    },
    reconcile: (idempotencyKey, more = {}) =>
      adapter.reconcile({
        target: target(),
        idempotencyKey,
        attemptedSince: new Date(Date.now() - 1_000).toISOString(),
        identity: GUIDE,
        preview: false,
        knownMessageIds: [],
        signal: running.signal,
        ...more,
      }),
    close: async () => {
      await adapter.stop();
      await http.close();
      await slack.close();
    },
  };
}

/** What a rejected promise carries; fails when it is fulfilled. */
export async function failureOf(work: Promise<unknown>): Promise<ParleyError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof ParleyError) return error;
    throw error;
  }
  throw new Error("it was expected to fail");
}
