import {
  AgentCard,
  type CancelTaskRequest,
  type DeleteTaskPushNotificationConfigRequest,
  type GetTaskPushNotificationConfigRequest,
  type GetTaskRequest,
  type ListTaskPushNotificationConfigsRequest,
  type ListTaskPushNotificationConfigsResponse,
  type ListTasksRequest,
  type ListTasksResponse,
  type SendMessageRequest,
  type StreamResponse,
  type SubscribeToTaskRequest,
  type Task,
  type TaskPushNotificationConfig,
} from "@a2a-js/sdk";
import {
  A2AError,
  ExtendedAgentCardNotConfiguredError,
  RequestMalformedError,
  TaskNotCancelableError,
  TaskNotFoundError,
  UnsupportedOperationError,
} from "@a2a-js/sdk/errors";
import type { A2ARequestHandler, ServerCallContext } from "@a2a-js/sdk/server";
import type {
  OutsideAddress,
  OutsideCaller,
  OutsidePush,
  OutsideTarget,
  OutsideTask,
  OutsideTasks,
} from "../../contracts/outside-tasks.ts";
import { ParleyError } from "../../errors/parley-error.ts";
import { toOutsideMessage } from "./incoming.ts";
import { TaskChanges } from "./task-changes.ts";
import { MAX_FILE_BYTES, type TaskView, taskOf, viewTask } from "./task-view.ts";

const DEFAULT_PAGE = 20;
const MAX_PAGE = 50;
const MAX_PUSHES = 5;
const MAX_PUSH_URL_CHARS = 2_048;
const MAX_PUSH_ID_CHARS = 256;
const MAX_PUSH_SECRET_CHARS = 4_096;

export interface RequestHandlerOptions {
  readonly tasks: OutsideTasks;
  readonly caller: OutsideCaller;
  readonly address: OutsideAddress;
  /** What is there. */
  readonly target: OutsideTarget;
  /** The card of what is spoken to. */
  readonly card: unknown;
  /** Ends with the client's connection. */
  readonly signal: AbortSignal;
  /** Throws REQUEST_INVALID for an address that notifications may not go to. */
  readonly checkPushUrl: (url: string) => void;
  readonly newId: () => string;
}

/** The operations of A2A for one caller at one agent or room, over tasks that are kept in the ledger; those of other agents and rooms are not there. */
export function createRequestHandler(options: RequestHandlerOptions): A2ARequestHandler {
  const { tasks, caller, address, target, signal } = options;
  // The direct message with an agent may be opened by what is said first.
  let roomId = "agent" in target ? target.roomId : target.room.roomId;
  const view = (task: OutsideTask): Promise<TaskView> =>
    viewTask(task, (uploadId) => tasks.file(caller, uploadId, MAX_FILE_BYTES));

  async function send(
    { message, configuration }: SendMessageRequest,
    context: ServerCallContext,
  ): Promise<OutsideTask> {
    const said = toOutsideMessage(message);
    const push = configuration?.taskPushNotificationConfig;
    // What is said is said: an agent acts on it. So everything that can be refused is looked at before.
    if (push !== undefined) {
      checkPush(push);
      if (said.taskId !== undefined) await othersOf(said.taskId, push.id);
    }
    const sent = await tasks.send(caller, address, said);
    roomId = sent.roomId;
    if (push !== undefined) await addPush({ ...push, taskId: sent.id }, context);
    return sent;
  }

  /** A task of this address; any other is as if it were not there. */
  async function own(taskId: string): Promise<OutsideTask> {
    const task = await tasks.read(caller, taskId);
    if (task.roomId !== roomId) throw new TaskNotFoundError("there is no such task");
    return task;
  }

  async function pushesOf(taskId: string): Promise<readonly OutsidePush[]> {
    await own(taskId);
    return await tasks.pushes(caller, taskId);
  }

  async function* changesOf(taskId: string): AsyncGenerator<StreamResponse> {
    const changes = new TaskChanges();
    for await (const task of tasks.watch(caller, taskId, signal)) yield* changes.next(await view(task));
  }

  function checkPush({ id, url, token, authentication }: TaskPushNotificationConfig): void {
    const secrets = [token, authentication?.scheme ?? "", authentication?.credentials ?? ""];
    if (id.length > MAX_PUSH_ID_CHARS || url.length > MAX_PUSH_URL_CHARS)
      throw new RequestMalformedError("the id or the address of a configuration is too long");
    if (secrets.some(({ length }) => length > MAX_PUSH_SECRET_CHARS))
      throw new RequestMalformedError("the token or the authentication of a configuration is too long");
    options.checkPushUrl(url);
  }

  /** The other configurations of a task, with room for this one. */
  async function othersOf(taskId: string, id: string): Promise<readonly OutsidePush[]> {
    const others = (await pushesOf(taskId)).filter((one) => one.id !== id);
    if (others.length >= MAX_PUSHES) throw new RequestMalformedError(`a task has at most ${MAX_PUSHES} of them`);
    return others;
  }

  async function addPush(
    config: TaskPushNotificationConfig,
    context: ServerCallContext,
  ): Promise<TaskPushNotificationConfig> {
    checkPush(config);
    const { taskId, url, token, authentication } = config;
    const id = config.id || options.newId();
    const before = await othersOf(taskId, id);
    const kept: OutsidePush = {
      id,
      url,
      token,
      version: context.requestedVersion,
      ...(authentication === undefined
        ? {}
        : { scheme: authentication.scheme, credentials: authentication.credentials }),
    };
    await tasks.setPushes(caller, taskId, [...before, kept]);
    return pushConfig(taskId, kept);
  }

  return guarded({
    getAgentCard: async () => AgentCard.fromJSON(options.card),
    async getAuthenticatedExtendedAgentCard(): Promise<AgentCard> {
      throw new ExtendedAgentCardNotConfiguredError();
    },
    async sendMessage(params, context): Promise<Task> {
      const sent = await send(params, context);
      const { returnImmediately = false, historyLength } = params.configuration ?? {};
      let last = sent;
      if (!returnImmediately) for await (const task of tasks.watch(caller, sent.id, signal)) last = task;
      return taskOf(await view(last), historyLength);
    },
    async *sendMessageStream(params, context) {
      const sent = await send(params, context);
      yield* changesOf(sent.id);
    },
    async getTask({ id, historyLength }: GetTaskRequest): Promise<Task> {
      return taskOf(await view(await own(id)), historyLength);
    },
    async cancelTask({ id }: CancelTaskRequest): Promise<Task> {
      await own(id);
      const ended = await tasks.cancel(caller, id).catch((error: unknown) => {
        if (error instanceof ParleyError && error.code === "CONFLICT") throw new TaskNotCancelableError();
        throw error;
      });
      return taskOf(await view(ended));
    },
    createTaskPushNotificationConfig: (config, context) => addPush(config, context),
    async getTaskPushNotificationConfig({ taskId, id }: GetTaskPushNotificationConfigRequest) {
      const all = await pushesOf(taskId);
      const found = id === "" ? all[0] : all.find((one) => one.id === id);
      if (found === undefined) throw new TaskNotFoundError("there is no such configuration");
      return pushConfig(taskId, found);
    },
    async listTaskPushNotificationConfigs({
      taskId,
    }: ListTaskPushNotificationConfigsRequest): Promise<ListTaskPushNotificationConfigsResponse> {
      const all = await pushesOf(taskId);
      return { configs: all.map((one) => pushConfig(taskId, one)), nextPageToken: "" };
    },
    async deleteTaskPushNotificationConfig({ taskId, id }: DeleteTaskPushNotificationConfigRequest) {
      const all = await pushesOf(taskId);
      await tasks.setPushes(
        caller,
        taskId,
        all.filter((one) => one.id !== id),
      );
    },
    async *resubscribe({ id }: SubscribeToTaskRequest) {
      await own(id);
      yield* changesOf(id);
    },
    async listTasks(params: ListTasksRequest): Promise<ListTasksResponse> {
      const limit = Math.min(Math.max(params.pageSize ?? DEFAULT_PAGE, 1), MAX_PAGE);
      const page = await tasks.list(caller, {
        limit,
        roomId: roomId ?? "",
        ...(params.contextId === "" ? {} : { contextId: params.contextId }),
        ...(params.pageToken === "" ? {} : { before: params.pageToken }),
      });
      const views = await Promise.all(page.tasks.map(view));
      const wanted = views.filter(({ status }) => params.status === 0 || status.state === params.status);
      const listed = wanted.map((one) => taskOf(one, params.historyLength ?? 0));
      return {
        tasks: params.includeArtifacts === true ? listed : listed.map((task) => ({ ...task, artifacts: [] })),
        nextPageToken: page.next ?? "",
        pageSize: limit,
        totalSize: listed.length,
      };
    },
  });
}

function pushConfig(taskId: string, push: OutsidePush): TaskPushNotificationConfig {
  const { id, url, scheme } = push;
  // What shows that a notification is genuine, and what it is opened with, is not shown again.
  return {
    tenant: "",
    id,
    taskId,
    url,
    token: "",
    authentication: scheme === undefined ? undefined : { scheme, credentials: "" },
  };
}

/** Every failure in the protocol's own words; what is nobody's business outside is an error of no detail. */
function guarded(handler: A2ARequestHandler): A2ARequestHandler {
  return new Proxy(handler, {
    get(target, name, receiver) {
      const method: unknown = Reflect.get(target, name, receiver);
      if (typeof method !== "function") return method;
      return (...given: readonly unknown[]): unknown => {
        const result: unknown = Reflect.apply(method, target, given);
        return isStream(result) ? translated(result) : Promise.resolve(result).catch(rethrow);
      };
    },
  });
}

function isStream(value: unknown): value is AsyncGenerator<StreamResponse> {
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value;
}

async function* translated(events: AsyncGenerator<StreamResponse>): AsyncGenerator<StreamResponse> {
  try {
    yield* events;
  } catch (error) {
    rethrow(error);
  }
}

function rethrow(error: unknown): never {
  if (!(error instanceof ParleyError)) throw error instanceof A2AError ? error : new A2AError("something went wrong");
  const { detail } = error;
  switch (error.code) {
    case "NOT_FOUND":
      throw new TaskNotFoundError(detail ?? "there is no such task");
    case "CONFLICT":
      throw new UnsupportedOperationError(detail ?? "the task takes no more messages");
    case "REQUEST_INVALID":
    case "PAYLOAD_TOO_LARGE":
      throw new RequestMalformedError(detail ?? error.row.userText);
    case "UNAUTHENTICATED":
    case "RATE_EXCEEDED":
    case "PERMISSION_DENIED":
      throw new A2AError(detail ?? error.row.userText);
    default:
      throw new A2AError(error.row.userText);
  }
}
