import type { JsonValue } from "../../src/contracts/json.ts";
import type { ReplyPart } from "../../src/envelope/reply.ts";
import { approvalCustomId, inputCustomId, STOP_CUSTOM_ID } from "./actions.ts";
import { cutSafely } from "./markup.ts";

/** A component as Discord's documents describe it. https://docs.discord.com/developers/components/reference */
export type Component = { readonly [key: string]: JsonValue };

const TYPE = { row: 1, button: 2, text: 10, file: 13, container: 17 } as const;
const STYLE = { primary: 1, secondary: 2, success: 3, danger: 4 } as const;
const MAX_LABEL_CHARS = 80;
const MAX_BUTTONS_IN_ROW = 5;
const RED = 0xd8_3c_3e;

export function textDisplay(content: string): Component {
  return { type: TYPE.text, content };
}

export function container(components: readonly Component[], accentColor?: number): Component {
  return { type: TYPE.container, components, ...(accentColor === undefined ? {} : { accent_color: accentColor }) };
}

export function errorContainer(content: string): Component {
  return container([textDisplay(content)], RED);
}

/** Shows an attachment of the same message. */
export function fileComponent(fileName: string): Component {
  return { type: TYPE.file, file: { url: `attachment://${fileName}` } };
}

/** Stops the agent while it works. */
export function stopRow(): Component {
  return { type: TYPE.row, components: [button("Stop", STOP_CUSTOM_ID, STYLE.secondary)] };
}

type Approval = Extract<ReplyPart, { type: "approval_request" }>;

/** Undefined when the request does not fit into buttons: an id too long, or a choice twice. */
export function approvalRows(part: Approval): readonly Component[] | undefined {
  const buttons: Component[] = [];
  const seen = new Set<string>();
  for (const option of part.options) {
    const customId = approvalCustomId(part.approvalId, option.id);
    if (customId === undefined || seen.has(customId)) return undefined;
    seen.add(customId);
    const style = option.effect === "allow" ? STYLE.success : option.effect === "deny" ? STYLE.danger : STYLE.secondary;
    buttons.push(button(option.label, customId, style));
  }
  return rowsOf(buttons);
}

/** The button that opens a form; undefined when its id is too long for one. */
export function inputRow(inputId: string): Component | undefined {
  const customId = inputCustomId(inputId);
  return customId === undefined
    ? undefined
    : { type: TYPE.row, components: [button("Answer", customId, STYLE.primary)] };
}

function button(label: string, customId: string, style: number): Component {
  return { type: TYPE.button, style, label: cutSafely(label, MAX_LABEL_CHARS) || "…", custom_id: customId };
}

function rowsOf(buttons: readonly Component[]): Component[] {
  const rows: Component[] = [];
  for (let from = 0; from < buttons.length; from += MAX_BUTTONS_IN_ROW)
    rows.push({ type: TYPE.row, components: buttons.slice(from, from + MAX_BUTTONS_IN_ROW) });
  return rows;
}

/** The text of a component with all that is inside, in UTF-16 code units. */
export function charsOf(component: Component): number {
  const own = typeof component["content"] === "string" ? component["content"].length : 0;
  return innerOf(component).reduce((sum, inner) => sum + charsOf(inner), own);
}

/** A component and all that is inside count towards the limit of a message. */
export function countOf(component: Component): number {
  return innerOf(component).reduce((sum, inner) => sum + countOf(inner), 1);
}

/** The texts of a component with all that is inside, in reading order. */
export function textsOf(component: Component): string[] {
  const own = typeof component["content"] === "string" ? [component["content"]] : [];
  return [...own, ...innerOf(component).flatMap(textsOf)];
}

/** The component with what people read of it changed, and of all that it holds. */
export function withTexts(component: Component, change: (text: string) => string): Component {
  const { content } = component;
  const inner = innerOf(component).map((one) => withTexts(one, change));
  return {
    ...component,
    ...(typeof content === "string" ? { content: change(content) } : {}),
    ...(inner.length === 0 ? {} : { components: inner }),
  };
}

function innerOf(component: Component): readonly Component[] {
  const inner = component["components"];
  // Made by this file and kept as JSON since: each entry of a list of components is a component.
  return Array.isArray(inner) ? (inner as readonly Component[]) : [];
}
