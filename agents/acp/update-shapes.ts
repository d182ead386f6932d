import { z } from "zod";

/** Text of which only the beginning is looked at is cut elsewhere; here it is only made sure that it is text. */
const Text = z.string();
const Optional = Text.nullish();

const Resource = z.looseObject({ uri: Text, mimeType: Optional, text: Text.optional(), blob: Text.optional() });

/** Content as ACP has it (protocol v1, `ContentBlock`); other kinds do not parse and are left out. */
export const Content = z.discriminatedUnion("type", [
  z.looseObject({ type: z.literal("text"), text: Text }),
  z.looseObject({ type: z.literal("image"), data: Text, mimeType: Text, uri: Optional }),
  z.looseObject({ type: z.literal("audio"), data: Text, mimeType: Text }),
  z.looseObject({ type: z.literal("resource_link"), name: Text, uri: Text, title: Optional }),
  z.looseObject({ type: z.literal("resource"), resource: Resource }),
]);
export type Content = z.infer<typeof Content>;
/** The kinds of content that are known here. */
export const CONTENT_KINDS: ReadonlySet<string> = new Set(Content.options.map((option) => option.shape.type.value));

/** What a tool call shows; `terminal` content is of a terminal that Parley does not offer, and says nothing here. */
const ToolContent = z.union([
  z.looseObject({ type: z.literal("content"), content: Content }),
  z.looseObject({ type: z.literal("diff"), path: Text, oldText: Optional, newText: Text }),
  z.looseObject({ type: z.literal("terminal") }),
  z.unknown().transform(() => ({ type: "other" as const })),
]);
export type ToolContent = z.infer<typeof ToolContent>;

const toolFields = {
  toolCallId: Text,
  title: Optional,
  name: Optional,
  kind: Optional,
  status: Optional,
  content: z.array(ToolContent).nullish(),
  rawInput: z.unknown().optional(),
  rawOutput: z.unknown().optional(),
};
const chunk = { content: Content };

/** A tool call as an update or a request for permission describes it. */
export const ToolFields = z.looseObject(toolFields);
export type ToolFields = z.infer<typeof ToolFields>;

const PlanEntry = z.looseObject({ content: Text, status: Text });

/** The kinds of `session/update` that become part of a reply (protocol v1). The other kinds of the fourteen say nothing to people in a chat. */
export const Update = z.discriminatedUnion("sessionUpdate", [
  z.looseObject({ sessionUpdate: z.literal("agent_message_chunk"), ...chunk }),
  z.looseObject({ sessionUpdate: z.literal("agent_thought_chunk"), ...chunk }),
  z.looseObject({ sessionUpdate: z.literal("tool_call"), ...toolFields }),
  z.looseObject({ sessionUpdate: z.literal("tool_call_update"), ...toolFields }),
  z.looseObject({ sessionUpdate: z.literal("plan"), entries: z.array(PlanEntry).max(200) }),
  z.looseObject({
    sessionUpdate: z.literal("usage_update"),
    used: z.number().nonnegative(),
    cost: z.looseObject({ amount: z.number().nonnegative(), currency: Text }).nullish(),
  }),
  z.looseObject({ sessionUpdate: z.literal("notice"), severity: Text, title: Text, description: Optional }),
  z.looseObject({ sessionUpdate: z.literal("session_info_update"), title: Optional }),
  z.looseObject({ sessionUpdate: z.literal("compaction_update"), status: Text }),
]);
export type Update = z.infer<typeof Update>;

/** Kinds that are known and say nothing to people: an agent that repeats them lives, and that is all. */
export const SILENT_KINDS: ReadonlySet<string> = new Set([
  "user_message_chunk",
  "available_commands_update",
  "current_mode_update",
  "config_option_update",
  "compaction_summary_chunk",
]);
