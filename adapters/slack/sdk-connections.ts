import { Agent, fetch } from "undici";

/** As much of fetch as the SDK's clients ask for; their calls are forms, files go by another way. */
export type SdkFetch = (
  url: string | URL,
  init?: {
    readonly method?: string;
    readonly headers?: Record<string, string>;
    readonly body?: unknown;
    readonly redirect?: "error" | "follow" | "manual";
    readonly signal?: AbortSignal;
  },
) => ReturnType<typeof fetch>;

/** Connections that all SDK clients of one adapter share and that can be closed: those of Node's own fetch outlive a stop by seconds. */
export class SdkConnections {
  readonly #agent = new Agent();

  readonly fetch: SdkFetch = (url, { body, ...init } = {}) =>
    fetch(url, { ...init, ...(typeof body === "string" ? { body } : {}), dispatcher: this.#agent });

  /** Ends what is under way, too. */
  async close(): Promise<void> {
    await this.#agent.destroy();
  }
}
