import type { Action } from "./action.ts";
import { applyHandlers } from "./apply-handlers.ts";
import { type ConsoleState, initialState } from "./model.ts";
import { liveHandlers } from "./reduce-live.ts";
import { postHandlers } from "./reduce-posts.ts";
import { roomHandlers } from "./reduce-rooms.ts";

export interface Store {
  readonly getState: () => ConsoleState;
  readonly dispatch: (action: Action) => void;
  readonly subscribe: (listener: () => void) => () => void;
}

/** Rooms come before posts: the unread count compares a post with what was known before it. */
const PARTS = [liveHandlers, roomHandlers, postHandlers];

/** The next state; the same object when nothing changes. */
export function reduce(state: ConsoleState, action: Action): ConsoleState {
  return PARTS.reduce((next, handlers) => applyHandlers(handlers, next, action), state);
}

/** The one holder of the page's state, in the form that `useSyncExternalStore` reads. */
export function createStore(): Store {
  let state = initialState;
  const listeners = new Set<() => void>();
  return {
    getState: () => state,
    dispatch: (action) => {
      const next = reduce(state, action);
      if (next === state) return;
      state = next;
      for (const listener of listeners) listener();
    },
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
