/** The button that stops what an agent is doing. */
export const STOP_ACTION_ID = "parley_stop";
const APPROVAL = "parley_approval";
const INPUT = "parley_input";
/** Slack's limit for an action id. */
export const MAX_ACTION_ID_CHARS = 255;

export type KnownAction =
  | { readonly purpose: "stop" }
  | { readonly purpose: "approval"; readonly approvalId: string }
  | { readonly purpose: "input"; readonly inputId: string }
  | { readonly purpose: "other" };

/** Ids of one message have to differ, so the place of the button is part of it; which choice it stands for is its value. */
export function approvalActionId(approvalId: string, index: number): string {
  return `${APPROVAL}:${index}:${approvalId}`;
}

export function inputActionId(inputId: string): string {
  return `${INPUT}:${inputId}`;
}

export function readActionId(actionId: string): KnownAction {
  if (actionId === STOP_ACTION_ID) return { purpose: "stop" };
  const approval = /^parley_approval:\d{1,2}:(.+)$/su.exec(actionId)?.[1];
  if (approval !== undefined) return { purpose: "approval", approvalId: approval };
  if (actionId.startsWith(`${INPUT}:`)) return { purpose: "input", inputId: actionId.slice(INPUT.length + 1) };
  return { purpose: "other" };
}
