import { onTestFinished } from "vitest";
import { createDiscordAdapter, type DiscordAdapterConfig } from "../../../adapters/discord/index.ts";
import type { AgentIdentity, ChatAdapter, OutboundPost, Target } from "../../../src/contracts/adapter.ts";
import type { EnvelopeInput } from "../../../src/envelope/envelope.ts";
import { ReplyPart, type ReplyPartInput } from "../../../src/envelope/reply.ts";
import { type RecordingSink, recordingSink } from "../../contract/adapter-suite/recording-sink.ts";
import {
  createDiscordStandIn,
  type DiscordStandIn,
  type SmallServer,
  type StandInOptions,
} from "../../support/discord/index.ts";

export const GUIDE: AgentIdentity = { agentId: "1", handle: "guide", name: "Guide", color: "#112233" };

/** One stand-in with a guild, and adapters on it that end with the test. */
export interface Stage {
  readonly discord: DiscordStandIn;
  readonly server: SmallServer;
  readonly channel: string;
  readonly user: string;
  readonly sink: RecordingSink;
  /** Starts an adapter; on another sink it is another process with the same ledger. */
  readonly start: (sink?: RecordingSink, config?: Partial<DiscordAdapterConfig>) => Promise<ChatAdapter>;
  /** A sink of another process on the same ledger. */
  readonly nextSink: () => Promise<RecordingSink>;
  readonly target: (channel?: string, thread?: string) => Target;
}

export async function stage(options: StandInOptions = {}): Promise<Stage> {
  const discord = await createDiscordStandIn({ ...options, gateway: { identifyWindowMs: 0, ...options.gateway } });
  const server = discord.setup.smallServer({ name: "Parley", channels: 2 });
  const sink = recordingSink();
  const adapters: ChatAdapter[] = [];
  onTestFinished(async () => {
    await Promise.all(adapters.map((adapter) => adapter.stop()));
    await discord.close();
  });
  const [channel = ""] = server.channels;
  const [user = ""] = server.users;
  return {
    discord,
    server,
    channel,
    user,
    sink,
    async start(onto = sink, config = {}) {
      const adapter = createDiscordAdapter({
        organizationId: "acme",
        botToken: server.app.botToken,
        apiUrl: `${discord.apiUrl}/v10`,
        cdnHosts: [new URL(discord.cdnUrl).host],
        pacing: false,
        callTimeoutMs: 2_000,
        reconcileSettleMs: 50,
        ...config,
      });
      adapters.push(adapter);
      await adapter.start(onto, new AbortController().signal);
      return adapter;
    },
    async nextSink() {
      const next = recordingSink(sink.lasting);
      for (const { installationId: _id, status: _status, ...row } of await sink.installations.list("discord"))
        await next.installations.save(row);
      return next;
    },
    target: (at = channel, thread) => ({
      organizationId: "acme",
      installationId: `installation:acme:${server.guild}`,
      conversation: {
        space: { id: server.guild },
        channel: { id: at, kind: "public", external: false },
        ...(thread === undefined ? {} : { thread: { id: thread } }),
      },
      askerId: user,
    }),
  };
}

/** The posts of a reply as the outbox would hand them to `send`. */
export function postsOf(
  adapter: ChatAdapter,
  target: Target,
  parts: readonly ReplyPartInput[],
  key = "k",
): OutboundPost[] {
  const context = { identity: GUIDE, conversation: target.conversation, mentionable: [] };
  return adapter
    .render(
      parts.map((part) => ReplyPart.parse(part)),
      context,
    )
    .map((post, index) => ({
      ...post,
      target,
      identity: GUIDE,
      idempotencyKey: `${key}-${index}`,
      signal: new AbortController().signal,
    }));
}

export function words(markdown: string): ReplyPartInput[] {
  return [{ type: "text", markdown }];
}

export function textOf(envelope: EnvelopeInput | undefined): string {
  const body = envelope?.body;
  if (body === undefined || !("content" in body)) return "";
  return body.content.map((block) => (block.type === "text" ? block.markdown : "")).join("");
}

/** Messages that an adapter handed in, in order; those that came again, which the ledger would recognise, once. */
export function created(sink: RecordingSink): readonly Extract<EnvelopeInput, { kind: "message_created" }>[] {
  const messages = sink.taken.filter((one) => one.kind === "message_created");
  return [...new Map(messages.map((one) => [one.dedupeKey, one])).values()];
}

export async function until(condition: () => boolean | Promise<boolean>, timeoutMs = 10_000): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadlineMs) throw new Error(`not within ${timeoutMs} ms: ${condition.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
