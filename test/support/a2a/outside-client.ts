import type { Message, Part, StreamResponse, Task } from "@a2a-js/sdk";
import { Role, TaskState, taskStateToJSON } from "@a2a-js/sdk";
import { type Client, ClientFactory, DefaultAgentCardResolver, JsonRpcTransportFactory } from "@a2a-js/sdk/client";
import { isLegacyAgentCard, parseLegacyAgentCard } from "@a2a-js/sdk/compat/v0_3/client";
import type { A2aVersion } from "../agents/a2a-agent.ts";

/** The SDK's own client at one of Parley's agents or rooms, with a token; in version 0.3 found by the card that clients of that version get. */
export async function connectOutside(url: string, token: string, version: A2aVersion = "1.0"): Promise<Client> {
  const fetchImpl: typeof fetch = async (input, init) => {
    const headers = new Headers(init?.headers);
    headers.set("authorization", `Bearer ${token}`);
    return await fetch(input, { ...init, headers });
  };
  const factory = new ClientFactory({
    transports: [new JsonRpcTransportFactory({ fetchImpl, legacyCompat: { enabled: true } })],
    cardResolver: new DefaultAgentCardResolver({ fetchImpl, legacyCompat: { enabled: true } }),
  });
  const cardUrl = `${url}/.well-known/agent-card.json`;
  if (version === "1.0") return await factory.createFromUrl(cardUrl, "");
  const card: unknown = await (await fetchImpl(cardUrl)).json();
  if (!isLegacyAgentCard(card)) throw new Error("the card is none of version 0.3");
  return await factory.createFromAgentCard(parseLegacyAgentCard(card));
}

export function say(messageId: string, parts: readonly Part[] | string, more: Partial<Message> = {}) {
  const given: Part[] =
    typeof parts === "string"
      ? [{ content: { $case: "text", value: parts }, metadata: undefined, filename: "", mediaType: "text/plain" }]
      : [...parts];
  const message: Message = {
    messageId,
    contextId: "",
    taskId: "",
    role: Role.ROLE_USER,
    parts: given,
    metadata: undefined,
    extensions: [],
    referenceTaskIds: [],
    ...more,
  };
  return { tenant: "", message, configuration: undefined, metadata: undefined };
}

export function isTask(result: Message | Task): result is Task {
  return "artifacts" in result;
}

export function textIn(task: Task): string {
  return task.artifacts.map((artifact) => partsText(artifact.parts)).join("\n");
}

export function partsText(parts: readonly Part[]): string {
  return parts.map(({ content }) => (content?.$case === "text" ? content.value : "")).join("");
}

/** What a stream showed, folded as a client would: text by artifact, states in order. */
export async function readStream(events: AsyncIterable<StreamResponse>, onEvent?: (event: StreamResponse) => void) {
  const texts = new Map<string, string>();
  const states: string[] = [];
  let taskId = "";
  let contextId = "";
  for await (const event of events) {
    onEvent?.(event);
    const { payload } = event;
    if (payload?.$case === "task") {
      ({ id: taskId, contextId } = payload.value);
      for (const one of payload.value.artifacts) texts.set(one.artifactId, partsText(one.parts));
      states.push(nameOf(payload.value.status?.state));
    } else if (payload?.$case === "artifactUpdate") {
      const { artifact, append } = payload.value;
      const id = artifact?.artifactId ?? "";
      texts.set(id, (append ? (texts.get(id) ?? "") : "") + partsText(artifact?.parts ?? []));
    } else if (payload?.$case === "statusUpdate") states.push(nameOf(payload.value.status?.state));
  }
  return { taskId, contextId, texts: [...texts.values()], states };
}

function nameOf(state: TaskState | undefined): string {
  return taskStateToJSON(state ?? TaskState.TASK_STATE_UNSPECIFIED);
}
