import type { Action, ActionOf } from "./action.ts";
import type { ConsoleState } from "./model.ts";

/** Part of a reducer: for some actions, what they make of the state; all others leave it as it is. */
export type Handlers = {
  readonly [Type in Action["type"]]?: (state: ConsoleState, action: ActionOf<Type>) => ConsoleState;
};

export function applyHandlers(handlers: Handlers, state: ConsoleState, action: Action): ConsoleState {
  // Each handler stands under the type of the action that it takes, which the type system cannot follow through the lookup.
  const handler = handlers[action.type] as ((state: ConsoleState, action: Action) => ConsoleState) | undefined;
  return handler ? handler(state, action) : state;
}
