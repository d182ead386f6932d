import { childrenOf, codePoints, isWire } from "../model/markup.ts";
import type { Wire } from "../model/records.ts";
import { invalidForm, tooLong } from "./api-error.ts";

const ROW = 1;
const BUTTON = 2;
const SELECTS: readonly number[] = [3, 5, 6, 7, 8];
const SECTION = 9;
const TEXT_DISPLAY = 10;
const THUMBNAIL = 11;
const GALLERY = 12;
const FILE = 13;
const SEPARATOR = 14;
const CONTAINER = 17;

const MAX_ROWS = 5;
const MAX_BUTTONS = 5;
const MAX_COMPONENTS = 40;
const MAX_TOTAL_CHARS = 4_000;
const LINK_STYLE = 5;

/** What may stand at the top of a V2 message. */
const TOP: readonly number[] = [ROW, SECTION, TEXT_DISPLAY, GALLERY, FILE, SEPARATOR, CONTAINER];
const IN_CONTAINER: readonly number[] = TOP.filter((type) => type !== CONTAINER);

/** Throws what Discord answers to components that are over its limits or stand where they may not (components/reference). */
export function checkComponents(components: readonly Wire[], isV2: boolean): void {
  const customIds = new Set<string>();
  if (!isV2) {
    if (components.length > MAX_ROWS) throw tooLong("components", MAX_ROWS);
    for (const [index, row] of components.entries()) {
      if (row["type"] !== ROW) throw wrongType(`components.${index}`);
      checkRow(row, `components.${index}`, customIds);
    }
    return;
  }
  const all = flat(components);
  if (all.length > MAX_COMPONENTS)
    throw invalidForm([
      "components",
      "COMPONENT_MAX_TOTAL_COMPONENTS_EXCEEDED",
      `The maximum total number of components is ${MAX_COMPONENTS}`,
    ]);
  for (const [index, component] of components.entries()) check(component, `components.${index}`, TOP, customIds);
  const chars = all.reduce(
    (sum, { type, content }) => sum + (type === TEXT_DISPLAY && typeof content === "string" ? codePoints(content) : 0),
    0,
  );
  if (chars > MAX_TOTAL_CHARS)
    throw invalidForm([
      "components",
      "COMPONENT_DISPLAYABLE_TEXT_SIZE_EXCEEDED",
      `The total displayable text size exceeds ${MAX_TOTAL_CHARS}`,
    ]);
}

function check(component: Wire, path: string, allowed: readonly number[], customIds: Set<string>): void {
  const { type } = component;
  if (typeof type !== "number" || !allowed.includes(type)) throw wrongType(path);
  if (type === ROW) return checkRow(component, path, customIds);
  if (type === TEXT_DISPLAY) {
    const { content } = component;
    if (typeof content !== "string" || content.trim() === "")
      throw invalidForm([`${path}.content`, "BASE_TYPE_REQUIRED", "This field is required"]);
    if (codePoints(content) > MAX_TOTAL_CHARS) throw tooLong(`${path}.content`, MAX_TOTAL_CHARS);
  } else if (type === SECTION) {
    const inner = childList(component, path, 1, 3);
    for (const [index, one] of inner.entries()) check(one, `${path}.components.${index}`, [TEXT_DISPLAY], customIds);
    const { accessory } = component;
    if (!isWire(accessory)) throw invalidForm([`${path}.accessory`, "BASE_TYPE_REQUIRED", "This field is required"]);
    if (accessory["type"] === BUTTON) checkButton(accessory, `${path}.accessory`, customIds);
    else if (accessory["type"] !== THUMBNAIL) throw wrongType(`${path}.accessory`);
  } else if (type === CONTAINER) {
    const inner = childList(component, path, 1, MAX_COMPONENTS);
    for (const [index, one] of inner.entries()) check(one, `${path}.components.${index}`, IN_CONTAINER, customIds);
  } else if (type === GALLERY) {
    const { items } = component;
    if (!Array.isArray(items) || items.length < 1 || items.length > 10)
      throw invalidForm([`${path}.items`, "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 10 in length."]);
  }
}

function checkRow(row: Wire, path: string, customIds: Set<string>): void {
  const inner = childList(row, path, 1, MAX_BUTTONS);
  for (const [index, one] of inner.entries()) {
    const at = `${path}.components.${index}`;
    if (one["type"] === BUTTON) checkButton(one, at, customIds);
    else if (typeof one["type"] === "number" && SELECTS.includes(one["type"])) {
      if (inner.length > 1) throw invalidForm([at, "COMPONENT_LAYOUT_WIDTH_EXCEEDED", "The layout width was exceeded"]);
      checkCustomId(one, at, customIds);
      const { options } = one;
      if (Array.isArray(options) && options.length > 25) throw tooLong(`${at}.options`, 25);
    } else throw wrongType(at);
  }
}

function checkButton(button: Wire, path: string, customIds: Set<string>): void {
  const { label, style, url } = button;
  if (typeof label === "string" && codePoints(label) > 80) throw tooLong(`${path}.label`, 80);
  if (label === undefined && button["emoji"] === undefined)
    throw invalidForm([path, "BUTTON_COMPONENT_MISSING_LABEL", "A button must have a label or an emoji"]);
  if (typeof style !== "number" || style < 1 || style > 6)
    throw invalidForm([`${path}.style`, "BASE_TYPE_CHOICES", "Value must be one of {1, 2, 3, 4, 5, 6}."]);
  if (style !== LINK_STYLE) return checkCustomId(button, path, customIds);
  if (typeof url !== "string" || !/^(?:https?|discord):\/\//u.test(url))
    throw invalidForm([
      `${path}.url`,
      "URL_TYPE_INVALID_SCHEME",
      "Scheme must be one of ('http', 'https', 'discord').",
    ]);
  if (url.length > 512) throw tooLong(`${path}.url`, 512);
}

function checkCustomId(component: Wire, path: string, customIds: Set<string>): void {
  const { custom_id: id } = component;
  if (typeof id !== "string" || id.length < 1 || id.length > 100)
    throw invalidForm([`${path}.custom_id`, "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length."]);
  if (customIds.has(id))
    throw invalidForm([
      `${path}.custom_id`,
      "COMPONENT_CUSTOM_ID_DUPLICATED",
      "Component custom id cannot be duplicated",
    ]);
  customIds.add(id);
}

function childList(component: Wire, path: string, min: number, max: number): Wire[] {
  const { components } = component;
  if (!Array.isArray(components) || components.length < min || components.length > max || !components.every(isWire))
    throw invalidForm([`${path}.components`, "BASE_TYPE_BAD_LENGTH", `Must be between ${min} and ${max} in length.`]);
  return components;
}

function flat(components: readonly Wire[]): Wire[] {
  return components.flatMap((component) => [component, ...flat(childrenOf(component))]);
}

function wrongType(path: string): Error {
  return invalidForm([`${path}.type`, "UNION_TYPE_CHOICES", 'Value of field "type" must be one of the allowed ones.']);
}
