import { createHash } from "node:crypto";
import { MAX_REPLY_BYTES, MAX_REPLY_PARTS, type ReplyPartInput } from "../../src/envelope/reply.ts";
import type { ReplyEventInput, Usage } from "../../src/envelope/reply-event.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { clip, contentText, MAX_TOOL_CHARS, oneLine, titleLine, valueText } from "./tool-text.ts";
import { CONTENT_KINDS, type Content, SILENT_KINDS, type ToolFields, Update } from "./update-shapes.ts";

/** Parts that are kept for the plan, for files and for the last words; tools beyond the rest show as status lines. */
const RESERVED_PARTS = 18;
const MAX_PLAN_PARTS = 12;
/** Most text that tools may take of a reply, in UTF-16 code units: the answer is what people asked for. */
const MAX_ALL_TOOL_CHARS = MAX_REPLY_BYTES / 8;
const MAX_STATUSES = 400;
/** Tool calls of one prompt that are followed; more are not looked at. */
const MAX_TOOLS = 2_000;
/** An agent that works without a word says so this often, in ms: what is hidden is not silence. */
const SIGN_OF_LIFE_MS = 10_000;

interface ToolCall {
  readonly id: string;
  fields: ToolFields;
  /** `held` until its arguments are known: agents announce a call before they have written them. */
  state: "held" | "shown" | "hidden" | "ended";
}

export interface TranslatorOptions {
  readonly thoughts: "hidden" | "status";
  /** What the agent was sent: some call the session by its beginning, which is no news. Default: nothing. */
  readonly prompt?: string;
  /** Whether people denied this call; then its failure is theirs. */
  readonly isDenied: (toolCallId: string) => boolean;
  readonly nowMs?: () => number;
}

/**
 * Turns the updates of one prompt into events of a reply, in their order: words grow the text, tools are a call and a result each,
 * the plan's last state stands at the end, and what is of no lasting interest is a status line.
 *
 * However many tools an agent uses, a reply stays within its number of parts. What does not fit the protocol is left out, but for a piece of the
 * answer: without it half of one would stand as if it were whole, so it throws AGENT_REPLY_INVALID.
 */
export class UpdateTranslator {
  readonly #options: TranslatorOptions;
  readonly #tools = new Map<string, ToolCall>();
  #plan: readonly { readonly content: string; readonly status: string }[] = [];
  #parts = 0;
  #isTextOpen = false;
  #toolChars = 0;
  #statuses = 0;
  #lastStatus = "";
  #lastSignMs: number;
  #contextTokens: number | undefined;
  /** Cost of the whole session so far, in millionths of a US dollar, as the agent counts it. */
  sessionCostMicroUsd: number | undefined;

  constructor(options: TranslatorOptions) {
    this.#options = options;
    this.#lastSignMs = this.#now();
  }

  accept(value: unknown): readonly ReplyEventInput[] {
    const parsed = Update.safeParse(value);
    if (!parsed.success && isBrokenWords(value))
      throw new ParleyError("AGENT_REPLY_INVALID", {
        detail: "a piece of the agent's answer does not fit the protocol",
      });
    const events = parsed.success ? this.#translate(parsed.data) : [];
    if (events.length > 0) this.#lastSignMs = this.#now();
    if (events.length > 0 || !isSignOfLife(value)) return events;
    return this.#signOfLife();
  }

  /** What stands at the end of the reply. */
  end(): readonly ReplyEventInput[] {
    const plan = this.#plan.slice(0, MAX_PLAN_PARTS);
    return [
      ...this.#showHeld(),
      ...plan.map((entry, index) =>
        this.#part({
          type: "task_update",
          taskId: `plan-${index + 1}`,
          title: oneLine(entry.content) || "…",
          state: entry.status === "completed" || entry.status === "in_progress" ? entry.status : "pending",
        }),
      ),
    ];
  }

  /** Tokens as far as they are known without the agent's own account: what lay before the model last. */
  usage(costBeforeMicroUsd: number | undefined): Usage | undefined {
    const cost = this.sessionCostMicroUsd;
    // A count below the last one has begun anew, with a process.
    const before = cost === undefined || (costBeforeMicroUsd ?? 0) > cost ? 0 : (costBeforeMicroUsd ?? 0);
    const spent = cost === undefined ? undefined : cost - before;
    if (this.#contextTokens === undefined && spent === undefined) return undefined;
    return {
      ...(this.#contextTokens === undefined ? {} : { inputTokens: this.#contextTokens }),
      ...(spent === undefined ? {} : { costMicroUsd: spent }),
    };
  }

  #translate(update: Update): readonly ReplyEventInput[] {
    switch (update.sessionUpdate) {
      case "agent_message_chunk":
        return [...this.#showHeld(), ...this.#content(update.content)];
      case "agent_thought_chunk":
        return this.#options.thoughts === "status" && update.content.type === "text"
          ? this.#status(update.content.text)
          : [];
      case "tool_call":
      case "tool_call_update":
        return this.#tool(update);
      case "plan":
        return this.#planned(update.entries);
      case "usage_update": {
        this.#contextTokens = Math.round(update.used);
        if (update.cost?.currency === "USD") this.sessionCostMicroUsd = Math.round(update.cost.amount * 1_000_000);
        return [];
      }
      case "notice":
        return this.#status(update.severity === "info" ? update.title : `${update.severity}: ${update.title}`);
      case "session_info_update":
        return this.#isOfPrompt(update.title ?? "") ? [] : this.#status(update.title ?? "");
      case "compaction_update":
        return update.status === "in_progress" ? this.#status("Summing up the conversation so far") : [];
    }
  }

  #content(content: Content): readonly ReplyEventInput[] {
    switch (content.type) {
      case "text":
        return this.#text(content.text);
      case "image":
      case "audio":
        return this.#file(content.type, content.mimeType, content.data);
      case "resource_link":
        return this.#text(
          /^https?:\/\//.test(content.uri)
            ? `[${oneLine(content.title ?? content.name).replace(/[[\]]/g, "")}](${linkTarget(content.uri)})`
            : `\`${oneLine(content.name).replaceAll("`", "'")}\``,
        );
      case "resource": {
        const { uri, mimeType, text, blob } = content.resource;
        const bytes = blob ?? (text === undefined ? undefined : Buffer.from(text).toString("base64"));
        const type = mimeType ?? (blob === undefined ? "text/plain" : "application/octet-stream");
        return bytes === undefined ? [] : this.#file("file", type, bytes, fileName(uri));
      }
    }
  }

  #text(markdown: string): readonly ReplyEventInput[] {
    if (markdown === "") return [];
    if (!this.#isTextOpen) this.#parts += 1;
    this.#isTextOpen = true;
    return [{ type: "text_delta", markdown }];
  }

  #file(kind: string, mediaType: string, base64: string, name?: string): readonly ReplyEventInput[] {
    const type = /^[\w.+-]{1,100}\/[\w.+-]{1,100}$/.test(mediaType) ? mediaType : "application/octet-stream";
    const artifactId = `${kind}-${createHash("sha256").update(base64).digest("hex").slice(0, 24)}`;
    const ending = /^(?:image|audio)\/([a-z0-9]{2,5})$/.exec(type)?.[1];
    const given = name ?? `${kind}${ending === undefined ? "" : `.${ending}`}`;
    return [this.#part({ type: "artifact", artifactId, name: given, mediaType: type, base64 })];
  }

  #tool(update: ToolFields): readonly ReplyEventInput[] {
    const known = this.#tools.get(update.toolCallId);
    if (known?.state === "ended" || (known === undefined && this.#tools.size >= MAX_TOOLS)) return [];
    const call: ToolCall = known ?? { id: toolId(update.toolCallId), fields: update, state: "held" };
    this.#tools.set(update.toolCallId, call);
    // An update names what has changed alone.
    const changed = Object.entries(update).filter(([, value]) => value !== undefined && value !== null);
    call.fields = { ...call.fields, ...Object.fromEntries(changed), toolCallId: update.toolCallId };
    const { status, rawInput, title } = call.fields;
    const isAnnounced = (status ?? "pending") === "pending" && isEmpty(rawInput);
    if (call.state === "held") return isAnnounced ? [] : [...this.#show(call), ...this.#endedTool(call)];
    return [...(call.state === "hidden" ? this.#status(title ?? "") : []), ...this.#endedTool(call)];
  }

  #showHeld(): readonly ReplyEventInput[] {
    return [...this.#tools.values()].filter(({ state }) => state === "held").flatMap((call) => this.#show(call));
  }

  /** A tool call as a part, or as a status line where the reply has no room for more. */
  #show(call: ToolCall): readonly ReplyEventInput[] {
    const title = titleLine(call.fields.title ?? "");
    const name = nameOf(call.fields);
    const hasRoom = this.#parts + 2 <= MAX_REPLY_PARTS - RESERVED_PARTS;
    call.state = hasRoom ? "shown" : "hidden";
    if (!hasRoom) return this.#status(title || name);
    const input = this.#toolText(isEmpty(call.fields.rawInput) ? undefined : valueText(call.fields.rawInput));
    return [
      this.#part({
        type: "tool_call",
        toolCallId: call.id,
        name,
        ...(title === "" ? {} : { title }),
        ...(input === undefined ? {} : { input }),
      }),
    ];
  }

  #endedTool(call: ToolCall): readonly ReplyEventInput[] {
    const { status, content, rawOutput, toolCallId } = call.fields;
    if (status !== "completed" && status !== "failed") return [];
    const isShown = call.state === "shown";
    const name = nameOf(call.fields);
    call.state = "ended";
    call.fields = { toolCallId };
    if (!isShown) return [];
    const shown = contentText(content ?? []);
    const output = this.#toolText(shown === "" ? valueText(rawOutput) : shown);
    const failure = this.#options.isDenied(toolCallId) ? "denied" : "error";
    return [
      this.#part({
        type: "tool_result",
        toolCallId: call.id,
        name,
        outcome: status === "completed" ? "ok" : failure,
        ...(output === undefined ? {} : { output }),
      }),
    ];
  }

  #toolText(text: string | undefined): string | undefined {
    if (text === undefined || text === "" || this.#toolChars >= MAX_ALL_TOOL_CHARS) return undefined;
    const shown = clip(text, MAX_TOOL_CHARS);
    this.#toolChars += shown.length;
    return shown;
  }

  #planned(entries: readonly { readonly content: string; readonly status: string }[]): readonly ReplyEventInput[] {
    this.#plan = entries;
    const done = entries.filter((entry) => entry.status === "completed").length;
    const current = entries.find((entry) => entry.status === "in_progress") ?? entries[done];
    return current === undefined ? [] : this.#status(`${done} of ${entries.length} done: ${current.content}`);
  }

  #status(text: string): readonly ReplyEventInput[] {
    const line = titleLine(text);
    return line === "" || line === this.#lastStatus ? [] : this.#say(line);
  }

  #signOfLife(): readonly ReplyEventInput[] {
    if (this.#now() - this.#lastSignMs < SIGN_OF_LIFE_MS) return [];
    this.#lastSignMs = this.#now();
    return this.#say(this.#lastStatus || "Working");
  }

  #isOfPrompt(title: string): boolean {
    const begin = oneLine(title)
      .replace(/…$|\.\.\.$/, "")
      .slice(0, 60);
    return begin !== "" && oneLine(this.#options.prompt ?? "", 100_000).includes(begin);
  }

  /** A status line ends the text before it, so in the midst of words it costs a part. */
  #say(line: string): readonly ReplyEventInput[] {
    const isCostly = this.#isTextOpen && this.#parts >= MAX_REPLY_PARTS - RESERVED_PARTS;
    if (isCostly || this.#statuses >= MAX_STATUSES) return [];
    this.#statuses += 1;
    this.#lastStatus = line;
    this.#isTextOpen = false;
    return [{ type: "part", part: { type: "status", text: line } }];
  }

  #part(part: ReplyPartInput): ReplyEventInput {
    this.#parts += 1;
    this.#isTextOpen = false;
    return { type: "part", part };
  }

  #now(): number {
    return this.#options.nowMs?.() ?? Date.now();
  }
}

function nameOf({ name, kind }: ToolFields): string {
  return oneLine(name ?? kind ?? "tool", 100) || "tool";
}

function isEmpty(rawInput: unknown): boolean {
  if (rawInput === undefined || rawInput === null || rawInput === "") return true;
  return typeof rawInput === "object" && Object.keys(rawInput).length === 0;
}

/** Whether an update is a piece of the answer itself that is broken; a kind of content that newer agents may have is not. */
function isBrokenWords(value: unknown): boolean {
  if (typeof value !== "object" || value === null || !("sessionUpdate" in value)) return false;
  if (value.sessionUpdate !== "agent_message_chunk") return false;
  const content = "content" in value ? value.content : undefined;
  const kind = typeof content === "object" && content !== null && "type" in content ? content.type : undefined;
  return typeof kind !== "string" || CONTENT_KINDS.has(kind);
}

function isSignOfLife(value: unknown): boolean {
  if (typeof value !== "object" || value === null || !("sessionUpdate" in value)) return false;
  const kind = value.sessionUpdate;
  return typeof kind === "string" && (SILENT_KINDS.has(kind) || Update.safeParse(value).success);
}

/** The agent's own id where it is a key that every store takes, else one made of it. */
function toolId(toolCallId: string): string {
  return /^[\w.:-]{1,128}$/.test(toolCallId)
    ? toolCallId
    : `tool-${createHash("sha256").update(toolCallId).digest("hex").slice(0, 32)}`;
}

function fileName(uri: string): string {
  const last = uri.split(/[?#]/, 1)[0]?.split(/[\\/]/).findLast(Boolean) ?? "";
  return oneLine(last, 120) || "file";
}

/** An address that no character of its own can end within a Markdown link. */
function linkTarget(uri: string): string {
  return (URL.canParse(uri) ? new URL(uri).href : "").replace(/[()]/g, (sign) => (sign === "(" ? "%28" : "%29"));
}
