import type { FastifyInstance } from "fastify";
import { createMatrixAdapter, type MatrixAdapterConfig } from "../../../adapters/matrix/index.ts";
import type { ChatAdapter, OutboundPost, Target } from "../../../src/contracts/adapter.ts";
import type { IngestOptions } from "../../../src/contracts/adapter-sink.ts";
import { Envelope, type EnvelopeInput, type EnvelopeOf, type EventKind } from "../../../src/envelope/envelope.ts";
import type { ReplyPart } from "../../../src/envelope/reply.ts";
import { type RecordingSink, recordingSink } from "../../contract/adapter-suite/recording-sink.ts";
import type { RecordedState } from "../../support/recorded-state.ts";

export const AGENT = { agentId: "agent-guide", handle: "guide", name: "guide", color: "#336699" };

/** What was ingested, each with whether it was for context alone. */
export interface Taken {
  readonly envelope: EnvelopeInput;
  readonly context: boolean;
}

export interface Running {
  readonly adapter: ChatAdapter;
  readonly sink: RecordingSink;
  readonly taken: readonly Taken[];
  readonly installationId: string;
  stop(): Promise<void>;
  /** Waits for an envelope of that kind that fits, as the schema reads it. */
  event<Kind extends EventKind>(kind: Kind, fits?: (envelope: EnvelopeOf<Kind>) => boolean): Promise<EnvelopeOf<Kind>>;
}

/** Starts an adapter on a sink that keeps what it gets. */
export async function startAdapter(
  config: Partial<MatrixAdapterConfig> & { readonly homeserverUrl: string },
  lasting?: RecordedState,
  server?: FastifyInstance,
): Promise<Running> {
  const sink = recordingSink(lasting);
  const taken: Taken[] = [];
  const adapter = createMatrixAdapter({
    organizationId: "main",
    pacing: false,
    showNames: false,
    reconcileSettleMs: 0,
    pollTimeoutMs: 5_000,
    ...config,
  });
  const watched = {
    ...sink,
    ingest: async (envelope: EnvelopeInput, options?: IngestOptions) => {
      const outcome = await sink.ingest(envelope, options);
      taken.push({ envelope, context: options?.context === true });
      return outcome;
    },
  };
  if (server !== undefined) await adapter.mount?.(server);
  await adapter.start(watched, new AbortController().signal);
  return {
    adapter,
    sink,
    taken,
    get installationId() {
      return adapter.health()[0]?.installationId ?? "none";
    },
    stop: () => adapter.stop(),
    event: async (kind, fits = () => true) => {
      const found = (): EnvelopeOf<typeof kind> | undefined => {
        for (const { envelope } of taken) {
          if (envelope.kind !== kind) continue;
          const parsed = Envelope.parse(envelope) as EnvelopeOf<typeof kind>; // the line above says so
          if (fits(parsed)) return parsed;
        }
        return undefined;
      };
      return await until(found, () => `no ${kind}; taken: ${taken.map((one) => one.envelope.kind).join(", ")}`);
    },
  };
}

/** Waits until there is something, at most 10 s. */
export async function until<Found>(
  look: () => Found | undefined | Promise<Found | undefined>,
  why: () => string,
  timeoutMs = 10_000,
): Promise<Found> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > end) throw new Error(why());
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}

export function targetOf(running: Running, envelope: Envelope, thread?: string): Target {
  const conversation =
    thread === undefined ? envelope.conversation : { ...envelope.conversation, thread: { id: thread } };
  return { organizationId: "main", installationId: running.installationId, conversation, askerId: envelope.sender.id };
}

let posts = 0;

/** Renders a reply and gives its posts, ready to send. */
export function postsOf(
  running: Running,
  target: Target,
  parts: readonly ReplyPart[],
  identity = AGENT,
): OutboundPost[] {
  const mentionable = target.askerId === undefined ? [] : [target.askerId];
  const rendered = running.adapter.render(parts, { identity, conversation: target.conversation, mentionable });
  return rendered.map((post) => {
    posts += 1;
    return { ...post, target, identity, idempotencyKey: `test-${posts}`, signal: new AbortController().signal };
  });
}

export const text = (markdown: string): ReplyPart => ({ type: "text", markdown });
