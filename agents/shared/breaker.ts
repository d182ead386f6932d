import type {
  AgentConnector,
  ConnectorCheck,
  ConnectorEvent,
  TurnIo,
  TurnRequest,
} from "../../src/contracts/connector.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";

/** Failures in a row, within the window, that open the breaker. */
export const BREAKER_FAILURES = 5;
export const BREAKER_WINDOW_MS = 60_000;
/** How long an open breaker answers in the agent's place before one turn may try again. */
export const BREAKER_OPEN_MS = 30_000;

const COUNTED = new Set(["AGENT_UNAVAILABLE", "AGENT_TIMEOUT", "AGENT_CRASHED"]);

/**
 * Guarantees that an agent which keeps failing costs nothing for a while: after five failures in a row within a minute, turns fail at
 * once with AGENT_UNAVAILABLE and the pause that is left; after 30 s one turn tries, and its outcome closes the breaker or opens it again.
 *
 * Cancelled turns, refusals and faulty configuration count for nothing: they say nothing about the agent's health.
 */
export function withBreaker(connector: AgentConnector, now: () => number = Date.now): AgentConnector {
  return new Breaker(connector, now);
}

class Breaker implements AgentConnector {
  readonly kind: string;
  readonly features: AgentConnector["features"];
  readonly collect?: NonNullable<AgentConnector["collect"]>;
  readonly #connector: AgentConnector;
  readonly #now: () => number;
  #failedAtMs: number[] = [];
  #openUntilMs = 0;
  #isTrying = false;

  constructor(connector: AgentConnector, now: () => number) {
    this.#connector = connector;
    this.#now = now;
    this.kind = connector.kind;
    this.features = connector.features;
    if (connector.collect !== undefined) this.collect = connector.collect.bind(connector);
  }

  async *invoke(request: TurnRequest, io: TurnIo): AsyncGenerator<ConnectorEvent> {
    const isTrial = this.#admit();
    let hasSettled = false;
    try {
      for await (const event of this.#connector.invoke(request, io)) {
        if (event.type === "done" || event.type === "deferred") {
          hasSettled = true;
          this.#succeed();
        }
        yield event;
      }
    } catch (thrown) {
      if (thrown instanceof ParleyError && COUNTED.has(thrown.code)) {
        hasSettled = true;
        this.#fail(isTrial);
      }
      throw thrown;
    } finally {
      // A trial that was cancelled proved nothing: the next turn is the trial.
      if (isTrial && !hasSettled) this.#isTrying = false;
    }
  }

  check(signal: AbortSignal): Promise<ConnectorCheck> {
    return this.#connector.check(signal);
  }

  close(): Promise<void> {
    return this.#connector.close();
  }

  /** Says whether this turn is the trial of an opened breaker; throws while it is open. */
  #admit(): boolean {
    if (this.#openUntilMs === 0) return false;
    const leftMs = this.#openUntilMs - this.#now();
    if (leftMs > 0 || this.#isTrying) {
      throw new ParleyError("AGENT_UNAVAILABLE", {
        detail: `the agent failed ${BREAKER_FAILURES} times in a row; it is tried again after a pause`,
        retryAfterMs: Math.max(leftMs, 1_000),
      });
    }
    this.#isTrying = true;
    return true;
  }

  #succeed(): void {
    this.#failedAtMs = [];
    this.#openUntilMs = 0;
    this.#isTrying = false;
  }

  #fail(isTrial: boolean): void {
    const nowMs = this.#now();
    this.#failedAtMs = [...this.#failedAtMs.filter((atMs) => nowMs - atMs < BREAKER_WINDOW_MS), nowMs];
    if (!isTrial && this.#failedAtMs.length < BREAKER_FAILURES) return;
    this.#openUntilMs = nowMs + BREAKER_OPEN_MS;
    if (isTrial) this.#isTrying = false;
  }
}
