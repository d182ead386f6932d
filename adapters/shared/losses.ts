import type { RenderLoss } from "../../src/contracts/adapter.ts";
import type { ReplyPart } from "../../src/envelope/reply.ts";
import { type MarkdownGaps, markdownLosses } from "./markdown-losses.ts";
import { prepareReply, type ReplyLimits } from "./prepared-reply.ts";

/** A loss without its place in the reply. */
export type Loss = Omit<RenderLoss, "part">;

type Approval = Extract<ReplyPart, { type: "approval_request" }>;
type InputRequest = Extract<ReplyPart, { type: "input_request" }>;
type Artifact = Extract<ReplyPart, { type: "artifact" }>;

/**
 * What a platform cannot show as it is, each with the words for what stands there instead.
 *
 * An absent member is shown natively. The table is data of its adapter, kept next to the renderer that it describes.
 */
export interface PlatformGaps {
  readonly markdown: MarkdownGaps;
  /** Input and output of tools, where only their names and outcomes are shown. */
  readonly toolDetails?: string;
  /** Whole kinds of parts that have another form here, such as approvals without buttons. */
  readonly parts?: Partial<Record<ReplyPart["type"], Loss>>;
  /** Approval requests that do not fit; undefined for one that does. */
  readonly approval?: (part: Approval) => Loss | undefined;
  readonly inputRequest?: (part: InputRequest) => Loss | undefined;
  readonly artifact?: (part: Artifact, bytes: number) => Loss | undefined;
  /** Short lines (errors, hand-overs, tasks) longer than this are cut, in UTF-16 code units. */
  readonly line?: { readonly maxChars: number; readonly shownAs: string };
  /** The limits that the renderer gives to `prepareReply`. */
  readonly limits?: ReplyLimits;
}

/**
 * Names what of a reply the platform shows in another form, part by part, each kind of thing once per part; pure.
 *
 * A status beside lasting parts is reported too: it is shown while the agent works, never in what stays.
 */
export function findLosses(parts: readonly ReplyPart[], gaps: PlatformGaps): readonly RenderLoss[] {
  const losses: RenderLoss[] = [];
  const prepared = prepareReply(parts, gaps.limits);
  const shownStatus = lastingStatus(parts);
  prepared.parts.forEach((part, place) => {
    const index = prepared.originals[place] ?? 0;
    const found = prepared.asFiles.has(index)
      ? fileLosses(part, parts[index])
      : part.type !== parts[index]?.type
        ? [{ what: "file that is empty", shownAs: "its name" }]
        : lossesOf(part, { gaps, shownStatus, simplified: prepared.simplified.has(index) });
    for (const loss of found)
      if (!losses.some((known) => known.part === index && known.what === loss.what))
        losses.push({ part: index, ...loss });
  });
  return losses;
}

/** The status that stays because nothing else does; undefined when something else is shown. */
function lastingStatus(parts: readonly ReplyPart[]): ReplyPart | undefined {
  const lasting = parts.some(
    (part) => part.type !== "status" && !(part.type === "text" && part.markdown.trim() === ""),
  );
  return lasting ? undefined : parts.findLast((part) => part.type === "status");
}

/** A text that became its beginning and a file is told once. */
function fileLosses(made: ReplyPart, original: ReplyPart | undefined): readonly Loss[] {
  if (made.type !== "text" || original?.type !== "text") return [];
  const what = `text of ${original.markdown.length} characters`;
  return [{ what, shownAs: "its beginning, and the whole as a file" }];
}

interface Shown {
  readonly gaps: PlatformGaps;
  readonly shownStatus: ReplyPart | undefined;
  readonly simplified: boolean;
}

function lossesOf(part: ReplyPart, { gaps, shownStatus, simplified }: Shown): readonly Loss[] {
  if (part.type === "status" && part !== shownStatus)
    return [{ what: "status", shownAs: "shown while the agent works, not in what stays" }];
  const tooMuch = { what: "markup that takes too long to read", shownAs: "plain text in a code block" };
  return [simplified ? tooMuch : undefined, gaps.parts?.[part.type], ...ownLosses(part, gaps)].filter(
    (loss) => loss !== undefined,
  );
}

function ownLosses(part: ReplyPart, gaps: PlatformGaps): readonly (Loss | undefined)[] {
  switch (part.type) {
    case "text":
      return markdownLosses(part.markdown, gaps.markdown);
    case "approval_request":
      return [gaps.approval?.(part), ...markdownLosses(part.prompt, gaps.markdown)];
    case "input_request":
      return [gaps.inputRequest?.(part), ...markdownLosses(part.prompt, gaps.markdown)];
    case "artifact":
      return [gaps.artifact?.(part, Buffer.byteLength(part.base64, "base64"))];
    case "tool_call":
      return [toolLoss("input of a tool", part.input, gaps)];
    case "tool_result":
      return [toolLoss("output of a tool", part.output, gaps)];
    case "task_update":
      return [lineLoss(`${part.title} ${part.detail ?? ""}`, gaps)];
    case "handoff":
      return [lineLoss(part.note ?? "", gaps)];
    case "status":
      return [lineLoss(part.text, gaps)];
    case "error":
      return [];
  }
}

function toolLoss(what: string, detail: string | undefined, gaps: PlatformGaps): Loss | undefined {
  return gaps.toolDetails === undefined || !detail ? undefined : { what, shownAs: gaps.toolDetails };
}

function lineLoss(text: string, { line }: PlatformGaps): Loss | undefined {
  return line === undefined || text.length <= line.maxChars
    ? undefined
    : { what: `line of ${text.length} characters`, shownAs: line.shownAs };
}
