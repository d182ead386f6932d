import type { ContentPart, Message, RunAgentInput } from "@ag-ui/core";
import { PROTOCOL_VERSION } from "@ag-ui/core";
import type { TranscriptMessage, TurnIo, TurnRequest } from "../../src/contracts/connector.ts";
import { toParleyError } from "../../src/errors/parley-error.ts";
import { mediaOf } from "../shared/turn-media.ts";
import type { AguiConfig } from "./config.ts";
import type { Continuation } from "./continuation.ts";
import type { CallMade } from "./open-question.ts";

/** Most pictures that go along with a message, and the largest one, in bytes. */
const MAX_IMAGES = 5;
const MAX_IMAGE_BYTES = 3_500_000;
const MAX_MESSAGE_CHARS = 40_000;
const MAX_ROSTER = 100;

/** Guarantees the input of one run: the turn's own messages and place, the agent's kept state, and the answers that it continues from. No secret is part of it. */
export async function toRunInput(
  request: TurnRequest,
  io: TurnIo,
  given: { readonly config: AguiConfig; readonly state: unknown; readonly continuation: Continuation },
): Promise<RunAgentInput> {
  const { continuation } = given;
  const earlier = given.config.history === "new" ? sinceOwn(request) : request.transcript;
  const messages: Message[] = [
    ...earlier.map((message) => toMessage(message, request)),
    ...callsAsMessages(request, continuation.calls),
    ...continuation.results.map(({ call, content }) => ({
      id: `${request.turnId}:${call}`,
      role: "tool" as const,
      toolCallId: call,
      content,
    })),
    ...(continuation.withTrigger ? [await triggerMessage(request, io)] : []),
  ];
  return {
    threadId: request.sessionKey,
    runId: `${request.turnId}:${request.attempt}`,
    protocolVersion: PROTOCOL_VERSION,
    // Servers of before 1.0 want each of these, empty or not.
    state: given.state ?? {},
    messages,
    tools: [],
    context: contextOf(request),
    forwardedProps: continuation.command === undefined ? {} : { command: continuation.command },
    ...(continuation.resume.length === 0 ? {} : { resume: [...continuation.resume] }),
  };
}

function sinceOwn(request: TurnRequest): readonly TranscriptMessage[] {
  const last = request.transcript.findLastIndex((message) => isOwn(message, request));
  return request.transcript.slice(last + 1);
}

function isOwn({ sender }: TranscriptMessage, request: TurnRequest): boolean {
  return sender.kind === "agent" && sender.agent === request.agent.handle;
}

/** Servers tell one person from another by what is written alone, so everybody's words begin with their name. */
function toMessage(message: TranscriptMessage, request: TurnRequest): Message {
  const { messageId: id, sender } = message;
  const text = clip(message.text);
  if (isOwn(message, request)) return { id, role: "assistant", content: text };
  return { id, role: "user", name: oneLine(sender.name), content: `${oneLine(sender.name)}: ${text}` };
}

async function triggerMessage(request: TurnRequest, io: TurnIo): Promise<Message> {
  const { trigger } = request;
  const images = await imagesOf(request, io);
  const text = clip(trigger.text);
  return {
    id: trigger.messageId,
    role: "user",
    name: oneLine(trigger.sender.name),
    content: images.length === 0 ? text : [{ type: "text", text }, ...images],
  };
}

/** The pictures of the message that is answered. One that cannot be read is left out. */
async function imagesOf(request: TurnRequest, io: TurnIo): Promise<ContentPart[]> {
  const images: ContentPart[] = [];
  for (const block of mediaOf({ trigger: request.trigger, transcript: [] })) {
    if (images.length === MAX_IMAGES || block.kind !== "image" || (block.sizeBytes ?? 0) > MAX_IMAGE_BYTES) continue;
    try {
      const file = await io.files?.read(block.mediaId, { maxBytes: MAX_IMAGE_BYTES });
      if (file === undefined) continue;
      const value = Buffer.from(file.bytes).toString("base64");
      images.push({ type: "image", source: { type: "data", value, mimeType: file.mediaType } });
    } catch (thrown) {
      io.logger.warn({ code: toParleyError(thrown).code }, "a picture could not be read");
    }
  }
  return images;
}

/** What the agent asked for in its last run, which no message of the conversation holds. */
function callsAsMessages(request: TurnRequest, calls: readonly CallMade[]): Message[] {
  if (calls.length === 0) return [];
  const toolCalls = calls.map(({ id, name, arguments: args }) => ({
    id,
    type: "function" as const,
    function: { name, arguments: args },
  }));
  return [{ id: `${request.turnId}:calls`, role: "assistant", toolCalls }];
}

function contextOf({ agent, conversation, roster, trigger }: TurnRequest): RunAgentInput["context"] {
  const { channel } = conversation.path;
  const here = roster
    .slice(0, MAX_ROSTER)
    .map(({ name, kind, handle }) => ({ name: oneLine(name), kind, ...(handle === undefined ? {} : { handle }) }));
  const place = {
    platform: conversation.platform,
    kind: channel.kind,
    name: channel.name ?? null,
    agent: agent.handle,
  };
  return [
    {
      description: "Where this conversation takes place, and the handle by which you are called there",
      value: JSON.stringify(place),
    },
    {
      description: "Who asks",
      value: JSON.stringify({ name: oneLine(trigger.sender.name), kind: trigger.sender.kind }),
    },
    { description: "Who is in this conversation", value: JSON.stringify(here) },
  ];
}

function clip(text: string): string {
  return text.length > MAX_MESSAGE_CHARS ? `${text.slice(0, MAX_MESSAGE_CHARS).toWellFormed()} […]` : text;
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim().slice(0, 120).toWellFormed();
}
