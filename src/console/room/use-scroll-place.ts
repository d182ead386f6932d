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

function goToEnd(box: HTMLDivElement, endTop: RefObject<number>): void {
  box.scrollTop = box.scrollHeight;
  // As the browser took it: no further than there is content, and in whole pixels of the screen.
  endTop.current = Math.floor(box.scrollTop) - 1;
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
  /** Where this hook put the panel last while it held the end; above it is where only a person goes. */
  const endTop = useRef(0);
  const [atEnd, setAtEnd] = useState(true);
  const nearStart = useEffectEvent(onNearStart);

  const toEnd = useCallback(() => {
    place.current = "end";
    setAtEnd(true);
    const box = scroller.current;
    if (box) goToEnd(box, endTop);
  }, []);

  useEffect(() => {
    const box = scroller.current;
    const inner = content.current;
    if (!box || !inner) return;

    const remember = () => {
      // A picture that got its size between the scroll and this event has moved the end, not the reader.
      if (place.current === "end" && box.scrollTop >= endTop.current) {
        goToEnd(box, endTop);
        return;
      }
      const end = box.scrollHeight - box.scrollTop - box.clientHeight < AT_END_PX;
      setAtEnd(end);
      const edge = box.getBoundingClientRect().top;
      // Messages alone: a line such as "Today" does not stay above the same message when older ones come in.
      const rows = end ? [] : [...inner.children].filter((child) => child.tagName === "ARTICLE");
      const row = rows.find((child) => child.getBoundingClientRect().bottom > edge);
      place.current = row ? { row, top: row.getBoundingClientRect().top - edge } : "end";
      if (place.current === "end") endTop.current = box.scrollTop;
      if (box.scrollTop < NEAR_START_PX) nearStart();
    };
    const restore = () => {
      const held = place.current;
      if (held === "end" || !held.row.isConnected) goToEnd(box, endTop);
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
