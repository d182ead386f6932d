import { type McpServer, methods } from "@agentclientprotocol/sdk";
import type { ToolAccess } from "../../src/contracts/connector.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";
import type { AcpConfig } from "./config.ts";
import { isRefusal, refusalToError } from "./errors.ts";
import type { Memory } from "./memory.ts";
import type { AcpProcess, SessionListener } from "./process.ts";
import { readNewSession } from "./results.ts";
import type { ToolBridge, ToolDoor } from "./tool-bridge.ts";

/** Most bytes that an agent may replay of a session that it takes up again. */
const MAX_REPLAY_BYTES = 67_108_864;

export interface OpenSession {
  readonly sessionId: string;
  /** The agent knows nothing of the conversation. */
  readonly isNew: boolean;
  /** The way to Parley's tools, where the agent takes servers by HTTP and the turn has tools. */
  readonly door: ToolDoor | undefined;
}

/** Opens sessions in one process: each conversation's is the one it had, as long as the agent can take it up again. */
export class Sessions {
  readonly #process: AcpProcess;
  readonly #config: AcpConfig;
  readonly #bridge: ToolBridge;
  readonly #doors = new Map<string, ToolDoor>();

  constructor(process: AcpProcess, config: AcpConfig, bridge: ToolBridge) {
    this.#process = process;
    this.#config = config;
    this.#bridge = bridge;
    process.gone.addEventListener("abort", () => {
      for (const door of this.#doors.values()) door.remove();
      this.#doors.clear();
    });
  }

  /** Errors: those of the process, AGENT_NOT_CONFIGURED when the agent wants a login or knows no such mode. */
  async open(memory: Memory, access: ToolAccess | undefined): Promise<OpenSession> {
    const { sessionId } = memory;
    if (sessionId !== undefined && this.#process.sessions.has(sessionId))
      return { sessionId, isNew: false, door: this.#doors.get(sessionId) };
    const door = await this.#openDoor(access);
    try {
      return await this.#begin(sessionId, door);
    } catch (thrown) {
      door?.remove();
      throw thrown;
    }
  }

  async #begin(sessionId: string | undefined, door: ToolDoor | undefined): Promise<OpenSession> {
    const mcpServers = this.#servers(door);
    if (sessionId !== undefined && (await this.#takeUp(sessionId, mcpServers)))
      return this.#keep({ sessionId, isNew: false, door });
    const { cwd, startTimeoutMs } = this.#config;
    try {
      const asked = this.#process.agent.request<unknown>(methods.agent.session.new, { cwd, mcpServers });
      const created = await this.#process.ask(asked, startTimeoutMs);
      return await this.#keep({ sessionId: readNewSession(created), isNew: true, door });
    } catch (thrown) {
      throw refusalToError(thrown, methods.agent.session.new, this.#process.signIns());
    }
  }

  async #keep(session: OpenSession): Promise<OpenSession> {
    const { sessionId, door } = session;
    const { sessionMode: modeId, startTimeoutMs } = this.#config;
    if (modeId !== undefined) {
      const asked = this.#process.agent.request(methods.agent.session.setMode, { sessionId, modeId });
      await this.#process.ask(asked, startTimeoutMs).catch((thrown: unknown) => {
        if (thrown instanceof ParleyError) throw thrown;
        throw new ParleyError("AGENT_NOT_CONFIGURED", {
          detail: `the agent has no mode ${modeId}: look at sessionMode`,
        });
      });
    }
    this.#process.sessions.add(sessionId);
    if (door !== undefined) this.#doors.set(sessionId, door);
    return session;
  }

  /** False when the agent cannot, or does not know the session any more. What it replays of it is known here. */
  async #takeUp(sessionId: string, mcpServers: McpServer[]): Promise<boolean> {
    const { loadSession, sessionCapabilities } = this.#process.capabilities;
    if (!loadSession && !sessionCapabilities.resume) return false;
    const method = sessionCapabilities.resume ? methods.agent.session.resume : methods.agent.session.load;
    const { cwd, startTimeoutMs } = this.#config;
    const listening = this.#process.listen(sessionId, this.#replayListener());
    try {
      const asked = this.#process.agent.request<unknown>(method, { sessionId, cwd, mcpServers });
      await this.#process.ask(asked, startTimeoutMs);
      return true;
    } catch (thrown) {
      if (isRefusal(thrown)) return false;
      throw refusalToError(thrown, method, this.#process.signIns());
    } finally {
      listening.stop();
    }
  }

  /** Open at once: many agents look at their tools while they begin a session. */
  async #openDoor(access: ToolAccess | undefined): Promise<ToolDoor | undefined> {
    if (access === undefined || !this.#process.capabilities.mcpCapabilities.http) return undefined;
    const door = await this.#bridge.door();
    door.lead(access);
    return door;
  }

  #servers(door: ToolDoor | undefined): McpServer[] {
    const { http, sse } = this.#process.capabilities.mcpCapabilities;
    const configured = this.#config.mcpServers.filter(
      (server) => !("type" in server) || (server.type === "http" ? http : sse),
    );
    if (door === undefined) return [...configured];
    const headers = [{ name: "Authorization", value: `Bearer ${door.token}` }];
    return [...configured, { type: "http", name: "parley", url: door.url, headers }];
  }

  #replayListener(): SessionListener {
    let bytes = 0;
    return {
      onUpdate: (_update, size) => {
        bytes += size;
        if (bytes > MAX_REPLAY_BYTES)
          this.#process.fail(new ParleyError("AGENT_CRASHED", { detail: "the agent replays a session without end" }));
      },
      onAnswered: () => undefined,
      onPermission: async () => ({ outcome: { outcome: "cancelled" } }),
      onElicitation: async () => ({ action: "decline" }),
      onElicitationComplete: () => undefined,
    };
  }
}
