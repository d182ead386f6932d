import type { Action } from "./action.ts";
import { type ConsoleState, initialState } from "./model.ts";
import { reduceLive } from "./reduce-live.ts";
import { reducePosts } from "./reduce-posts.ts";
import { reduceRooms } from "./reduce-rooms.ts";

export interface Store {
  readonly getState: () => ConsoleState;
  readonly dispatch: (action: Action) => void;
  readonly subscribe: (listener: () => void) => () => void;
}

export function reduce(state: ConsoleState, action: Action): ConsoleState {
  // Rooms before posts: the unread count compares a post with what was known before it.
  return reducePosts(reduceRooms(reduceLive(state, action), action), action);
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
