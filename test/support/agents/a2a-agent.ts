import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import {
  type Artifact,
  type Message,
  type Part,
  Role,
  StreamResponse,
  type TaskPushNotificationConfig,
  TaskState,
} from "@a2a-js/sdk";
import { isLegacyJsonRpcMethod } from "@a2a-js/sdk/compat/v0_3";
import { LegacyJsonRpcTransportHandler } from "@a2a-js/sdk/compat/v0_3/server";
import {
  AgentEvent,
  DefaultRequestHandler,
  type ExecutionEventBus,
  InMemoryPushNotificationStore,
  InMemoryTaskStore,
  JsonRpcTransportHandler,
  type RequestContext,
  ServerCallContext,
} from "@a2a-js/sdk/server";
import { CountingServer, readBody, writeWithPressure } from "./counting-server.ts";

export type A2aVersion = "1.0" | "0.3";

/** One call of the protocol as the agent received it. */
export interface A2aCall {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  readonly rawBody: string;
  readonly id: unknown;
  readonly params: Record<string, unknown>;
}

/** What an agent's own work may do to its task. */
export interface A2aWork {
  /** All text of the message. */
  readonly text: string;
  readonly message: Message;
  readonly taskId: string;
  readonly contextId: string;
  /** The task was there before this message. */
  readonly isFollowUp: boolean;
  readonly cancelled: AbortSignal;
  status(state: TaskState, said?: string | readonly Part[]): void;
  artifact(artifactId: string, parts: readonly Part[], how?: { append?: boolean; last?: boolean; name?: string }): void;
  /** A message in place of any task. */
  say(text: string): void;
}

/** What the agent does with a call before the SDK's server sees it; `pass` hands it on. */
export type A2aFault = (call: A2aCall, response: ServerResponse) => Promise<"pass" | "done"> | "pass" | "done";

export interface A2aAgentOptions {
  readonly version?: A2aVersion;
  readonly streaming?: boolean;
  readonly push?: boolean;
  /** Changes the card before it is served. */
  readonly card?: (card: Record<string, unknown>, origin: string) => unknown;
}

export const text = (value: string): Part => part({ $case: "text", value }, "text/plain");
export const data = (value: unknown): Part => part({ $case: "data", value }, "application/json");
export const file = (bytes: string | Buffer, filename: string, mediaType = "text/plain"): Part => ({
  ...part({ $case: "raw", value: Buffer.from(bytes) }, mediaType),
  filename,
});
export const link = (url: string, filename = ""): Part => ({ ...part({ $case: "url", value: url }, ""), filename });

function part(content: NonNullable<Part["content"]>, mediaType: string): Part {
  return { content, metadata: undefined, filename: "", mediaType };
}

/** An agent on loopback made with the SDK's own server side, in either version of the protocol, that does what a test tells it to. */
export class A2aAgent {
  readonly calls: A2aCall[] = [];
  readonly cancelled: string[] = [];
  readonly pushConfigs: TaskPushNotificationConfig[] = [];
  work: (work: A2aWork) => Promise<void> | void;
  fault: A2aFault = () => "pass";
  cardRequests = 0;
  readonly #options: A2aAgentOptions;
  readonly #works = new Map<string, AbortController>();
  #server: CountingServer | undefined;
  #handlers: { readonly new: JsonRpcTransportHandler; readonly old: LegacyJsonRpcTransportHandler } | undefined;

  private constructor(options: A2aAgentOptions, work: A2aAgent["work"]) {
    this.#options = options;
    this.work = work;
  }

  static async start(options: A2aAgentOptions = {}, work: A2aAgent["work"] = answerHello): Promise<A2aAgent> {
    const agent = new A2aAgent(options, work);
    agent.#server = await CountingServer.start((request, response) => void agent.#serve(request, response));
    agent.#handlers = agent.#createHandlers();
    return agent;
  }

  get server(): CountingServer {
    if (this.#server === undefined) throw new Error("the agent is not started");
    return this.#server;
  }

  get url(): string {
    return this.server.origin;
  }

  /** Messages that were sent to it. */
  get messages(): readonly A2aCall[] {
    return this.calls.filter(({ method }) => /^(Send(Streaming)?Message|message\/(send|stream))$/.test(method));
  }

  called(method: RegExp): readonly A2aCall[] {
    return this.calls.filter((call) => method.test(call.method));
  }

  async stop(): Promise<void> {
    for (const work of this.#works.values()) work.abort();
    await this.server.stop();
  }

  #createHandlers() {
    const { streaming = true, push = false } = this.#options;
    const store = new InMemoryPushNotificationStore();
    const keep = store.save.bind(store);
    store.save = async (taskId, context, config) => {
      await keep(taskId, context, config);
      this.pushConfigs.push({ ...config, taskId });
    };
    const handler = new DefaultRequestHandler(
      {
        name: "Scripted",
        description: "Does what a test says",
        version: "1",
        provider: undefined,
        supportedInterfaces: [],
        capabilities: { streaming, pushNotifications: push, extensions: [] },
        securitySchemes: {},
        securityRequirements: [],
        defaultInputModes: ["text/plain"],
        defaultOutputModes: ["text/plain"],
        skills: [],
        signatures: [],
      },
      new InMemoryTaskStore(),
      {
        execute: async (context, bus) => await this.#execute(context, bus),
        cancelTask: async (taskId, bus) => {
          this.cancelled.push(taskId);
          this.#works.get(taskId)?.abort();
          bus.publish(
            AgentEvent.statusUpdate({
              taskId,
              contextId: "",
              status: { state: TaskState.TASK_STATE_CANCELED, message: undefined, timestamp: new Date().toISOString() },
              metadata: undefined,
            }),
          );
        },
      },
      undefined,
      store,
    );
    return { new: new JsonRpcTransportHandler(handler), old: new LegacyJsonRpcTransportHandler(handler) };
  }

  async #execute(context: RequestContext, bus: ExecutionEventBus): Promise<void> {
    const { taskId, contextId, userMessage } = context;
    const stop = new AbortController();
    this.#works.set(taskId, stop);
    let isTask = false;
    const begin = (): void => {
      if (isTask) return;
      isTask = true;
      bus.publish(
        AgentEvent.task({
          id: taskId,
          contextId,
          status: { state: TaskState.TASK_STATE_SUBMITTED, message: undefined, timestamp: new Date().toISOString() },
          artifacts: [],
          history: [userMessage],
          metadata: undefined,
        }),
      );
    };
    const own = (parts: readonly Part[]): Message => ({
      messageId: `${taskId}-${performance.now()}`,
      contextId,
      taskId: isTask ? taskId : "",
      role: Role.ROLE_AGENT,
      parts: [...parts],
      metadata: undefined,
      extensions: [],
      referenceTaskIds: [],
    });
    await this.work({
      text: userMessage.parts.map((one) => (one.content?.$case === "text" ? one.content.value : "")).join(""),
      message: userMessage,
      taskId,
      contextId,
      isFollowUp: context.task !== undefined,
      cancelled: stop.signal,
      status(state, said) {
        begin();
        const parts = typeof said === "string" ? [text(said)] : said;
        const message = parts === undefined ? undefined : own(parts);
        const status = { state, message, timestamp: new Date().toISOString() };
        bus.publish(AgentEvent.statusUpdate({ taskId, contextId, status, metadata: undefined }));
      },
      artifact(artifactId, parts, { append = false, last = true, name = "" } = {}) {
        begin();
        const artifact: Artifact = {
          artifactId,
          name,
          description: "",
          parts: [...parts],
          metadata: undefined,
          extensions: [],
        };
        bus.publish(
          AgentEvent.artifactUpdate({ taskId, contextId, artifact, append, lastChunk: last, metadata: undefined }),
        );
      },
      say: (said) => bus.publish(AgentEvent.message(own([text(said)]))),
    });
    this.#works.delete(taskId);
  }

  #card(): unknown {
    const { version = "1.0", streaming = true, push = false } = this.#options;
    const common = {
      name: "Scripted",
      description: "Does what a test says",
      version: "1",
      defaultInputModes: ["text/plain"],
      defaultOutputModes: ["text/plain"],
      skills: [],
      capabilities: { streaming, pushNotifications: push },
    };
    const url = `${this.url}/rpc`;
    const card =
      version === "1.0"
        ? { ...common, supportedInterfaces: [{ url, protocolBinding: "JSONRPC", protocolVersion: "1.0" }] }
        : { ...common, protocolVersion: "0.3.0", url, preferredTransport: "JSONRPC" };
    return this.#options.card?.(card, this.url) ?? card;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      if (request.method === "GET") {
        this.cardRequests += 1;
        const isCard = request.url?.startsWith("/.well-known/agent-card.json") === true;
        response.writeHead(isCard ? 200 : 404, { "content-type": "application/json" });
        response.end(JSON.stringify(isCard ? this.#card() : {}));
        return;
      }
      const rawBody = await readBody(request);
      const body = JSON.parse(rawBody) as { method: string; id: unknown; params: Record<string, unknown> }; // the SDK's client is what calls
      const call = { method: body.method, headers: request.headers, rawBody, id: body.id, params: body.params };
      this.calls.push(call);
      if ((await this.fault(call, response)) === "done") return;
      await this.#answer(call, response);
    } catch {
      response.destroy();
    }
  }

  async #answer(call: A2aCall, response: ServerResponse): Promise<void> {
    const isOld = isLegacyJsonRpcMethod(call.method);
    const context = new ServerCallContext({ requestedVersion: isOld ? "0.3" : "1.0" });
    const handler = isOld ? this.#handlers?.old : this.#handlers?.new;
    const result = await handler?.handle(call.rawBody, context);
    if (result === undefined || !(Symbol.asyncIterator in result)) {
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(result));
      return;
    }
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.flushHeaders();
    try {
      // Read on also when nobody listens any more: as the SDK's own servers do, for reading is what keeps the task.
      for await (const event of result) await writeWithPressure(response, `data: ${JSON.stringify(event)}\n\n`);
    } catch (thrown) {
      const error = JsonRpcTransportHandler.mapToJSONRPCError(thrown);
      response.write(`data: ${JSON.stringify({ jsonrpc: "2.0", id: call.id, error })}\n\n`);
    }
    response.end();
  }
}

/** An event of a stream as it stands on the wire, for agents that break the protocol's rules. */
export function wireEvent(version: A2aVersion, id: unknown, parts: readonly Part[], taskId = "t-raw"): string {
  const artifact = {
    artifactId: "a-raw",
    name: "",
    description: "",
    parts: [...parts],
    metadata: undefined,
    extensions: [],
  };
  const value = { taskId, contextId: "c-raw", artifact, append: true, lastChunk: false, metadata: undefined };
  const result =
    version === "1.0"
      ? StreamResponse.toJSON({ payload: { $case: "artifactUpdate", value } })
      : {
          kind: "artifact-update",
          taskId,
          contextId: "c-raw",
          append: true,
          lastChunk: false,
          artifact: { artifactId: "a-raw", parts: parts.map(oldPart) },
        };
  return `data: ${JSON.stringify({ jsonrpc: "2.0", id, result })}\n\n`;
}

function oldPart({ content, filename, mediaType }: Part): unknown {
  if (content?.$case === "raw")
    return { kind: "file", file: { bytes: content.value.toString("base64"), name: filename, mimeType: mediaType } };
  return { kind: "text", text: content?.$case === "text" ? content.value : "" };
}

function answerHello(work: A2aWork): void {
  work.status(TaskState.TASK_STATE_COMPLETED, "Hello");
}
