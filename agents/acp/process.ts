import {
  type ClientContext,
  client,
  methods,
  PROTOCOL_VERSION,
  type RequestPermissionRequest,
  type RequestPermissionResponse,
} from "@agentclientprotocol/sdk";
import type { Logger } from "../../src/contracts/logger.ts";
import { ParleyError, toParleyError } from "../../src/errors/parley-error.ts";
import { AgentChild } from "./child.ts";
import type { AcpConfig } from "./config.ts";
import { Elicitation, type ElicitationAnswer } from "./elicitation.ts";
import { endToError, refusalToError, signInsOf } from "./errors.ts";
import { type Initialized, NO_CAPABILITIES, readInitialized } from "./results.ts";
import { agentStream } from "./wire.ts";

/** Most bytes of updates to a session that no prompt listens to, since the last prompt: what is late is read, a flood is not. */
const MAX_UNHEARD_BYTES = 4_194_304;
/** How long the end of the output may precede the end of the process, in ms. */
const EXIT_WAIT_MS = 500;

/** Who hears what the agent says in one session while a prompt or a load is under way there. */
export interface SessionListener {
  onUpdate(update: unknown, bytes: number): void;
  /** The prompt was answered; what comes of it from now on is too late. */
  onAnswered(): void;
  onPermission(request: RequestPermissionRequest, signal: AbortSignal): Promise<RequestPermissionResponse>;
  onElicitation(request: Elicitation, signal: AbortSignal): Promise<ElicitationAnswer>;
  onElicitationComplete(elicitationId: string): void;
}

export interface ProcessOptions {
  readonly logger?: Logger | undefined;
  readonly onStderr?: ((bytes: Uint8Array) => void) | undefined;
  /** Ends the process when it aborts; its reason is the ParleyError that says why. */
  readonly signal: AbortSignal;
}

/**
 * One process of the agent with its connection: many sessions, each with at most one listener.
 *
 * Guarantees that `gone` aborts with the ParleyError that says why, once, when the process cannot be used any more; by then it is being killed.
 */
export class AcpProcess {
  readonly agent: ClientContext;
  /** Sessions that this process knows. */
  readonly sessions = new Set<string>();
  readonly #child: AgentChild;
  readonly #config: AcpConfig;
  readonly #gone = new AbortController();
  readonly #listeners = new Map<string, SessionListener>();
  #unheardBytes = 0;
  #wasGreeted = false;
  #initialized: Initialized | undefined;

  private constructor(config: AcpConfig, onStderr: ((bytes: Uint8Array) => void) | undefined) {
    this.#config = config;
    this.#child = new AgentChild({ ...config, onStderr });
    const stream = agentStream({
      stdin: this.#child.stdin,
      stdout: this.#child.stdout,
      maxLineBytes: config.maxLineBytes,
      onUpdate: (params, bytes) => this.#onUpdate(params, bytes),
      onAnswered: (sessionId) => this.#listeners.get(sessionId)?.onAnswered(),
      onEnd: (error) => void this.#onOutputEnd(error),
    });
    this.agent = this.#app().connect(stream).agent;
    void this.#child.ended.then((end) => this.fail(endToError(end, this.#wasGreeted)));
  }

  /** Starts the agent and greets it. Errors: AGENT_UNAVAILABLE, AGENT_REPLY_INVALID, AGENT_NOT_CONFIGURED. */
  static async start(config: AcpConfig, options: ProcessOptions): Promise<AcpProcess> {
    const process = new AcpProcess(config, options.onStderr);
    process.#logEnd(options.logger);
    const { signal } = options;
    signal.addEventListener("abort", () => process.fail(toParleyError(signal.reason, "AGENT_UNAVAILABLE")), {
      once: true,
      signal: process.gone,
    });
    try {
      await process.#greet();
      return process;
    } catch (thrown) {
      const error = refusalToError(thrown, "initialize", []);
      process.fail(error);
      throw error;
    }
  }

  /** Aborts when the process cannot be used any more; its reason is the ParleyError. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  get capabilities(): Initialized["agentCapabilities"] {
    return this.#initialized?.agentCapabilities ?? NO_CAPABILITIES;
  }

  get name(): string {
    const { title, name, version } = this.#initialized?.agentInfo ?? {};
    const shown = [title ?? name, version].filter((word) => word !== undefined && /^[\w .()@/+-]{1,64}$/.test(word));
    return shown.length === 0 ? "an ACP agent" : shown.join(" ");
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  listen(sessionId: string, listener: SessionListener): { stop(): void } {
    this.#unheardBytes = 0;
    this.#listeners.set(sessionId, listener);
    return {
      stop: () => {
        if (this.#listeners.get(sessionId) === listener) this.#listeners.delete(sessionId);
      },
    };
  }

  /** The agent's answer, or the ParleyError that says why there is none; an error that the agent answers with is thrown as it is. */
  async ask<T>(pending: Promise<T>, timeoutMs?: number): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const { promise: ended, reject } = Promise.withResolvers<never>();
    const onGone = () => reject(this.#gone.signal.reason as ParleyError); // `fail` gives no other reason
    if (this.#gone.signal.aborted) onGone();
    this.#gone.signal.addEventListener("abort", onGone, { once: true });
    if (timeoutMs !== undefined) {
      const detail = `the agent did not answer within ${timeoutMs} ms while it was started`;
      timer = setTimeout(() => this.fail(new ParleyError("AGENT_UNAVAILABLE", { detail })), timeoutMs);
    }
    // A connection that closes rejects first with a reason of its own; why it closed is known a moment later.
    const answered = pending.catch((thrown: unknown) => {
      if (thrown instanceof Error && thrown.name === "RequestError") throw thrown;
      return ended;
    });
    try {
      return await Promise.race([answered, ended]);
    } finally {
      clearTimeout(timer);
      this.#gone.signal.removeEventListener("abort", onGone);
    }
  }

  /** Ends the process and everything it started; the first reason counts. */
  fail(error: ParleyError): void {
    if (!this.#gone.signal.aborted) this.#gone.abort(error);
    void this.#child.kill();
  }

  /** As `fail`; resolves when nothing of it is left. */
  async end(error: ParleyError): Promise<void> {
    this.fail(error);
    await this.#child.kill();
  }

  async #greet(): Promise<void> {
    const answer = await this.ask(
      this.agent.request(methods.agent.initialize, {
        protocolVersion: PROTOCOL_VERSION,
        clientInfo: { name: "parley", title: "Parley", version: "1" },
        clientCapabilities: {
          fs: { readTextFile: false, writeTextFile: false },
          terminal: false,
          elicitation: { form: {}, url: {} },
          session: { notices: {}, compaction: {} },
        },
      }),
      this.#config.startTimeoutMs,
    );
    const initialized = readInitialized(answer);
    if (initialized.protocolVersion !== PROTOCOL_VERSION) {
      const detail = `the agent speaks version ${initialized.protocolVersion} of the protocol; Parley speaks ${PROTOCOL_VERSION}`;
      throw new ParleyError("AGENT_NOT_CONFIGURED", { detail });
    }
    this.#initialized = initialized;
    this.#wasGreeted = true;
    const { authMethod: methodId } = this.#config;
    if (methodId === undefined) return;
    const asked = this.agent.request(methods.agent.authenticate, { methodId });
    await this.ask(asked, this.#config.startTimeoutMs).catch((thrown: unknown) => {
      throw thrown instanceof ParleyError
        ? thrown
        : new ParleyError("AGENT_NOT_CONFIGURED", {
            detail: `the agent refuses to sign in by authMethod; it knows: ${this.signIns().join(", ") || "none"}`,
          });
    });
  }

  signIns(): readonly string[] {
    return signInsOf(this.#initialized?.authMethods ?? []);
  }

  #app() {
    return client({ name: "parley" })
      .onRequest(methods.client.session.requestPermission, async ({ params, signal }) => {
        const listener = this.#listeners.get(params.sessionId);
        return listener?.onPermission(params, signal) ?? { outcome: { outcome: "cancelled" } };
      })
      .onRequest("elicitation/create", Elicitation, async ({ params, signal }) => {
        const listener = this.#listeners.get(params.sessionId ?? "");
        return listener?.onElicitation(params, signal) ?? { action: "decline" };
      })
      .onNotification(methods.client.elicitation.complete, ({ params }) => {
        for (const listener of this.#listeners.values()) listener.onElicitationComplete(params.elicitationId);
      });
  }

  #onUpdate(params: unknown, bytes: number): void {
    if (typeof params !== "object" || params === null || !("sessionId" in params) || !("update" in params)) return;
    const listener = typeof params.sessionId === "string" ? this.#listeners.get(params.sessionId) : undefined;
    if (listener !== undefined) return listener.onUpdate(params.update, bytes);
    this.#unheardBytes += bytes;
    if (this.#unheardBytes > MAX_UNHEARD_BYTES)
      this.fail(
        new ParleyError("AGENT_UNAVAILABLE", {
          detail: "the agent's process was ended: it went on and on after a turn",
        }),
      );
  }

  async #onOutputEnd(error: ParleyError | undefined): Promise<void> {
    if (error !== undefined) return this.fail(error);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, EXIT_WAIT_MS);
    });
    await Promise.race([this.#child.ended, late]);
    clearTimeout(timer);
    // If it has ended, `fail` was called with how.
    this.fail(new ParleyError("AGENT_CRASHED", { detail: "the agent closed its output" }));
  }

  #logEnd(logger: Logger | undefined): void {
    if (logger === undefined) return;
    void this.#child.ended.then(({ exitCode, signal }) => {
      const { bytes, lines, codes } = this.#child.stderr();
      const fields = { pid: this.pid, exitCode, signal, stderrBytes: bytes, stderrLines: lines, stderrCodes: codes };
      logger.info(fields, "an agent's process has ended");
    });
  }
}
