import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { EventEmitter, once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import { Readable, Writable } from "node:stream";
import {
  type AgentContext,
  agent,
  type McpServer,
  methods,
  ndJsonStream,
  RequestError,
} from "@agentclientprotocol/sdk";
import type { AgentReport } from "./control.ts";
import { perform, type Scene } from "./scenes.ts";

/**
 * An ACP agent on the SDK's agent side that does what it is told over a control connection: `main.ts <port> [capabilities as JSON] [state file]`.
 *
 * With a state file it keeps its sessions over a restart, and can load or resume them as its capabilities say.
 */
const [port = "0", capabilitiesJson = "{}", stateFile] = process.argv.slice(2);
const capabilities = JSON.parse(capabilitiesJson);
let behaviour = "answer";
const orders = new EventEmitter();
const control = connect(Number(port), "127.0.0.1");
control.on("error", () => process.exit(9));
const report = (line: AgentReport): void => void control.write(`${JSON.stringify(line)}\n`);
const asking: (() => void)[] = [];
const ready = new Promise<void>((resolve) => {
  createInterface({ input: control }).on("line", (line) => {
    const { behave, isAnswer } = JSON.parse(line);
    behaviour = behave;
    orders.emit("behave");
    if (isAnswer === true) asking.shift()?.();
    resolve();
  });
});
/** Resolves once `behaviour` is what the test wants now. */
const upToDate = (): Promise<void> =>
  new Promise((resolve) => {
    asking.push(resolve);
    report({ type: "asks" });
  });
await ready;
report({ type: "started", pid: process.pid, env: { ...process.env } as Record<string, string>, cwd: process.cwd() });

/** What was said in each session. */
const sessions = new Map<string, string[]>(
  stateFile !== undefined && existsSync(stateFile) ? Object.entries(JSON.parse(readFileSync(stateFile, "utf8"))) : [],
);
/** The tool servers that the client named for each session. */
const servers = new Map<string, readonly McpServer[]>();
const cancels = new Map<string, AbortController>();

function keep(sessionId: string, text: string): void {
  const said = sessions.get(sessionId) ?? [];
  said.push(text);
  sessions.set(sessionId, said);
  if (stateFile !== undefined) writeFileSync(stateFile, JSON.stringify(Object.fromEntries(sessions)));
}

function known(sessionId: string): string[] {
  const said = sessions.get(sessionId);
  if (said === undefined) throw RequestError.sessionNotFound(sessionId);
  return said;
}

const note = (method: string, params: unknown): void => report({ type: "method", method, params });

agent({ name: "scripted" })
  .onRequest(methods.agent.initialize, ({ params }) => {
    note("initialize", params);
    return {
      protocolVersion: 1,
      agentCapabilities: capabilities,
      agentInfo: { name: "scripted", version: "1.0.0" },
      authMethods: [{ id: "a-key", name: "Key" }],
    };
  })
  .onRequest(methods.agent.authenticate, ({ params }) => {
    note("authenticate", params);
    if (params.methodId !== "a-key") throw RequestError.invalidParams();
    return {};
  })
  .onRequest(methods.agent.session.new, async ({ params }) => {
    note("session/new", params);
    await upToDate();
    if (behaviour === "auth_required") throw RequestError.authRequired();
    const sessionId = `session-${randomUUID()}`;
    keep(sessionId, "");
    servers.set(sessionId, params.mcpServers);
    return { sessionId };
  })
  .onRequest(methods.agent.session.load, async ({ params, client }) => {
    note("session/load", params);
    for (const text of known(params.sessionId))
      await client.notify(methods.client.session.update, {
        sessionId: params.sessionId,
        update: { sessionUpdate: "agent_message_chunk", content: { type: "text", text: `replayed ${text}` } },
      });
    return {};
  })
  .onRequest(methods.agent.session.resume, ({ params }) => {
    note("session/resume", params);
    known(params.sessionId);
    return {};
  })
  .onRequest(methods.agent.session.setMode, ({ params }) => {
    note("session/set_mode", params);
    if (params.modeId !== "plan") throw RequestError.invalidParams();
    return {};
  })
  .onRequest(methods.agent.session.prompt, async ({ params, client }) => {
    const { sessionId } = params;
    known(sessionId);
    report({ type: "prompt", sessionId, params });
    const cancelled = new AbortController();
    cancels.set(sessionId, cancelled);
    const text = params.prompt.map((block) => (block.type === "text" ? block.text : "")).join("\n");
    keep(sessionId, text);
    try {
      await upToDate();
      return await perform(sceneOf(client, sessionId, text, cancelled.signal));
    } finally {
      report({ type: "prompt_end", sessionId });
    }
  })
  .onNotification(methods.agent.session.cancel, ({ params }) => {
    note("session/cancel", params);
    cancels.get(params.sessionId)?.abort();
  })
  .connect(ndJsonStream(Writable.toWeb(process.stdout), Readable.toWeb(process.stdin) as ReadableStream<Uint8Array>));

function sceneOf(client: AgentContext, sessionId: string, text: string, cancelled: AbortSignal): Scene {
  return {
    behaviour,
    client,
    sessionId,
    text,
    cancelled,
    history: known(sessionId),
    servers: servers.get(sessionId) ?? [],
    update: (update) => client.notify(methods.client.session.update, { sessionId, update }),
    report,
    told: async (order) => {
      while (behaviour !== order) await once(orders, "behave");
    },
    fork: (command, detached) => {
      const child = spawn("/bin/sh", ["-c", command], { stdio: "ignore", detached });
      return child.pid ?? 0;
    },
  };
}
