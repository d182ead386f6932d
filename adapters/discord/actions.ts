/** Discord's limit for the id of a component. */
export const MAX_CUSTOM_ID_CHARS = 100;
/** The button that stops what an agent is doing. */
export const STOP_CUSTOM_ID = "parley:stop";
const APPROVAL = "parley:a:";
const INPUT = "parley:i:";
const FORM = "parley:f:";

export type KnownAction =
  | { readonly purpose: "stop" }
  | { readonly purpose: "approval"; readonly approvalId: string; readonly optionId: string }
  | { readonly purpose: "input"; readonly inputId: string }
  | { readonly purpose: "form"; readonly inputId: string }
  | { readonly purpose: "other" };

/** The choice and what it is about; undefined when both together are too long for a button. */
export function approvalCustomId(approvalId: string, optionId: string): string | undefined {
  return fitting(`${APPROVAL}${encodeURIComponent(optionId)}:${approvalId}`);
}

export function inputCustomId(inputId: string): string | undefined {
  return fitting(INPUT + inputId);
}

export function formCustomId(inputId: string): string | undefined {
  return fitting(FORM + inputId);
}

export function readCustomId(customId: string): KnownAction {
  if (customId === STOP_CUSTOM_ID) return { purpose: "stop" };
  if (customId.startsWith(INPUT)) return { purpose: "input", inputId: customId.slice(INPUT.length) };
  if (customId.startsWith(FORM)) return { purpose: "form", inputId: customId.slice(FORM.length) };
  const [, option, approvalId] = /^parley:a:([^:]+):(.+)$/su.exec(customId) ?? [];
  if (option === undefined || approvalId === undefined) return { purpose: "other" };
  try {
    return { purpose: "approval", approvalId, optionId: decodeURIComponent(option) };
  } catch {
    return { purpose: "other" };
  }
}

function fitting(customId: string): string | undefined {
  return customId.length <= MAX_CUSTOM_ID_CHARS ? customId : undefined;
}
