import { type RefObject, useLayoutEffect } from "react";

/**
 * Moves the focus into a drawer when it opens over the page, and back to its toggle when it goes while it has the focus.
 *
 * In a layout effect: afterwards the drawer is gone from the page, and with it the focus.
 */
export function useDrawerFocus(options: {
  panel: RefObject<HTMLElement | null>;
  open: boolean;
  toggleId: string;
}): void {
  const { panel, open, toggleId } = options;
  useLayoutEffect(() => {
    const drawer = panel.current;
    if (!open || !drawer) return;
    drawer.querySelector<HTMLElement>("button:not([tabindex='-1'])")?.focus();
    return () => {
      if (drawer.contains(document.activeElement)) document.getElementById(toggleId)?.focus();
    };
  }, [panel, open, toggleId]);
}
