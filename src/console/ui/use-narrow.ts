import { useSyncExternalStore } from "react";

/** The width below which the stylesheet turns the outer panels into drawers (`styles/layout.css`). */
const NARROW = "(max-width: 900px)";

export function useNarrow(): boolean {
  return useSyncExternalStore(
    (onChange) => {
      const query = window.matchMedia(NARROW);
      query.addEventListener("change", onChange);
      return () => query.removeEventListener("change", onChange);
    },
    () => window.matchMedia(NARROW).matches,
  );
}
