import type { ChatAdapter, OutboundPost, Receipt, RenderedPost } from "../../../../src/contracts/adapter.ts";
import type { AdapterSink } from "../../../../src/contracts/adapter-sink.ts";
import type { EnvelopeInput } from "../../../../src/envelope/envelope.ts";
import type { Breaker } from "../../adapter-suite/harness.ts";

/** An adapter that breaks an obligation on purpose; the checks of this id must notice. */
export interface AdapterMutant {
  readonly name: string;
  readonly breaks: string;
  /** True when it breaks what Slack's adapter alone does (its wire format, its limits, other bots), or is soon noticed there alone. */
  readonly onSlackAlone?: true;
  /** True when, besides Slack's, Discord's adapter does it too. */
  readonly onDiscordToo?: true;
  /** True when it breaks what Discord's adapter alone does. */
  readonly onDiscordAlone?: true;
  /** True when it breaks what Slack's adapter does not have to do. */
  readonly notOnSlack?: true;
  readonly breaker: Breaker;
}

/** The real adapter with some of its members replaced. */
export function variantOf(real: ChatAdapter, changes: Partial<ChatAdapter>): ChatAdapter {
  return {
    platform: real.platform,
    limits: real.limits,
    features: real.features,
    ...(real.mount === undefined ? {} : { mount: (server) => real.mount?.(server) ?? Promise.resolve() }),
    start: (sink, signal) => real.start(sink, signal),
    stop: () => real.stop(),
    render: (parts, context) => real.render(parts, context),
    losses: (parts, context) => real.losses(parts, context),
    send: (post) => real.send(post),
    reconcile: (query) => real.reconcile(query),
    health: () => real.health(),
    ...changes,
  };
}

/** The real adapter, which sees another sink than the one it is given. */
export function withSink(real: ChatAdapter, change: (sink: AdapterSink) => Partial<AdapterSink>): ChatAdapter {
  return variantOf(real, { start: (sink, signal) => real.start({ ...sink, ...change(sink) }, signal) });
}

/** The real adapter, whose envelopes are changed on their way to the sink. */
export function withEnvelope(real: ChatAdapter, change: (envelope: EnvelopeInput) => EnvelopeInput): ChatAdapter {
  return withSink(real, (sink) => ({
    ingest: (envelope, options) => sink.ingest(change(envelope), options),
  }));
}

export function withSend(
  real: ChatAdapter,
  send: (post: OutboundPost, send: (post: OutboundPost) => Promise<Receipt>) => Promise<Receipt>,
): ChatAdapter {
  return variantOf(real, { send: (post) => send(post, (one) => real.send(one)) });
}

export function withPosts(
  real: ChatAdapter,
  change: (posts: readonly RenderedPost[], parts: Parameters<ChatAdapter["render"]>[0]) => readonly RenderedPost[],
): ChatAdapter {
  return variantOf(real, { render: (parts, context) => change(real.render(parts, context), parts) });
}

/** A copy of a rendered body in which every text of a markdown block is another one. */
export function withMarkdown(post: RenderedPost, change: (text: string) => string): RenderedPost {
  const body: unknown = JSON.parse(JSON.stringify(post.body), (_key, value: unknown) =>
    typeof value === "object" && value !== null && "type" in value && value.type === "markdown" && "text" in value
      ? { ...value, text: change(String(value.text)) }
      : value,
  );
  return { ...post, body: body as RenderedPost["body"] }; // JSON, read back from its own text
}
