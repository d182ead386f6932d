import type { AgentIdentity, Target } from "../../src/contracts/adapter.ts";
import { conversationKey } from "../../src/envelope/conversation.ts";
import { BoundedMap } from "../shared/bounded-map.ts";
import { KeyedQueue } from "../shared/keyed-queue.ts";
import type { DiscordClient } from "./client.ts";
import { textDisplay } from "./components.ts";
import { plainLine } from "./markup.ts";
import { isDirect, type Outbound } from "./outbound.ts";
import type { PostBody } from "./post-body.ts";
import { ROUTES } from "./routes.ts";

const MAX_LINE_CHARS = 200;
const TIMEOUT_MS = 5_000;
/** Discord shows typing for 10 s. */
const TYPING_MS = 8_000;
/** What is said of every turn; the typing of the bot says as much without a message. */
const NO_NEWS = "is working…";

interface Shown {
  readonly messageId: string;
  readonly line: string;
}

/**
 * Shows what an agent is doing: the bot types, and a line that says more stands in one small message, which is edited and in the
 * end removed. Decoration: it never throws, and is left out where the budget has no room.
 */
export class Activity {
  readonly #client: () => DiscordClient;
  readonly #outbound: Outbound;
  readonly #order = new KeyedQueue();
  readonly #shown = new BoundedMap<string, Shown>({ maxEntries: 5_000 });
  readonly #typed = new BoundedMap<string, true>({ maxEntries: 5_000, ttlMs: TYPING_MS });
  #count = 0;

  constructor(client: () => DiscordClient, outbound: Outbound) {
    this.#client = client;
    this.#outbound = outbound;
  }

  show(target: Target, identity: AgentIdentity, line: string): Promise<void> {
    const { channel, thread } = target.conversation;
    const key = `${conversationKey(target.installationId, channel.id, thread?.id)} ${identity.agentId}`;
    return this.#order.run(key, () => this.#bounded(key, target, identity, line)).catch(() => undefined);
  }

  async #bounded(key: string, target: Target, identity: AgentIdentity, line: string): Promise<void> {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), TIMEOUT_MS);
    try {
      await this.#show(key, target, { identity, line, signal: late.signal });
    } finally {
      clearTimeout(timer);
    }
  }

  async #show(
    key: string,
    target: Target,
    { identity, line, signal }: { identity: AgentIdentity; line: string; signal: AbortSignal },
  ): Promise<void> {
    const shown = this.#shown.get(key);
    if (line === "") {
      this.#shown.delete(key);
      if (shown !== undefined) await this.#outbound.delete(target, shown.messageId, signal);
      return;
    }
    const place = target.conversation.thread?.id ?? target.conversation.channel.id;
    if (this.#typed.get(place) === undefined) {
      this.#typed.set(place, true);
      // In a thread that is not there yet nobody can type.
      await this.#client()
        .call({ route: ROUTES.typing(place), signal })
        .catch(() => undefined);
    }
    if (line === NO_NEWS || line === shown?.line) return;
    if (this.#client().previewWaitMs(ROUTES.createMessage(place)) > 0) return;
    const body: PostBody = {
      kind: "components",
      components: [textDisplay(`-# ${isDirect(target) ? "" : "⋯ "}${plainLine(line, MAX_LINE_CHARS)}`)],
      files: [],
      users: [],
      forms: [],
    };
    this.#count += 1;
    const idempotencyKey = `status ${key} ${Date.now()} ${this.#count}`;
    const common = { target, identity, body, signal, idempotencyKey };
    if (shown === undefined) {
      const { messageId } = await this.#outbound.post(common);
      this.#shown.set(key, { messageId, line });
    } else {
      await this.#outbound.edit({ ...common, messageId: shown.messageId });
      this.#shown.set(key, { ...shown, line });
    }
  }
}
