import { type RefObject, useCallback, useEffect, useEffectEvent, useRef, useState } from "react";

/** Nearer to the end than this counts as reading the newest. */
const AT_END_PX = 80;
/** Nearer to the beginning than this asks for older posts. */
const NEAR_START_PX = 300;

export interface ScrollPlace {
  readonly scroller: RefObject<HTMLDivElement | null>;
  readonly content: RefObject<HTMLDivElement | null>;
  readonly atEnd: boolean;
  readonly toEnd: () => void;
}

/**
 * Keeps the place of reading while content grows above, below or within.
 *
 * At the end it stays at the end; elsewhere the first visible row stays where it is, also when older posts come in above it.
 */
export function useScrollPlace(onNearStart: () => void): ScrollPlace {
  const scroller = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const place = useRef<{ row: Element; top: number } | "end">("end");
  const [atEnd, setAtEnd] = useState(true);
  const nearStart = useEffectEvent(onNearStart);

  const toEnd = useCallback(() => {
    place.current = "end";
    setAtEnd(true);
    const box = scroller.current;
    if (box) box.scrollTop = box.scrollHeight;
  }, []);

  useEffect(() => {
    const box = scroller.current;
    const inner = content.current;
    if (!box || !inner) return;

    const remember = () => {
      const end = box.scrollHeight - box.scrollTop - box.clientHeight < AT_END_PX;
      setAtEnd(end);
      const edge = box.getBoundingClientRect().top;
      // Messages alone: a line such as "Today" does not stay above the same message when older ones come in.
      const rows = end ? [] : [...inner.children].filter((child) => child.tagName === "ARTICLE");
      const row = rows.find((child) => child.getBoundingClientRect().bottom > edge);
      place.current = row ? { row, top: row.getBoundingClientRect().top - edge } : "end";
      if (box.scrollTop < NEAR_START_PX) nearStart();
    };
    const restore = () => {
      const held = place.current;
      if (held === "end" || !held.row.isConnected) box.scrollTop = box.scrollHeight;
      else box.scrollTop += held.row.getBoundingClientRect().top - box.getBoundingClientRect().top - held.top;
      // A first page that does not fill the panel cannot be scrolled, so nobody else would ask for more.
      if (box.scrollTop < NEAR_START_PX) nearStart();
    };

    restore();
    box.addEventListener("scroll", remember, { passive: true });
    const sizes = new ResizeObserver(restore);
    sizes.observe(inner);
    sizes.observe(box);
    return () => {
      box.removeEventListener("scroll", remember);
      sizes.disconnect();
    };
  }, []);

  return { scroller, content, atEnd, toEnd };
}
