const PATHS = {
  hash: "M9 4 7 20M17 4l-2 16M4 9h16M3.500 15h16",
  lock: "M6 11h12v9H6zM8.500 11V8a3.500 3.500 0 0 1 7 0v3",
  plus: "M12 5v14M5 12h14",
  close: "M6 6l12 12M18 6 6 18",
  menu: "M4 7h16M4 12h16M4 17h16",
  panel: "M4 5h16v14H4zM15 5v14",
  send: "M5 12 4 4.500 21 12 4 19.500zM5 12h8",
  attach:
    "M20 11.500 12.300 19a5 5 0 0 1-7.100-7l8-8a3.400 3.400 0 0 1 4.800 4.800l-7.900 7.900a1.700 1.700 0 0 1-2.400-2.400l7-7",
  smile: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM8.500 14.500a4.200 4.200 0 0 0 7 0M9 9.500v.1M15 9.500v.1",
  pencil: "M4 20l1-4L16 5l3 3L8 19zM14 7l3 3",
  trash: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13M10.500 11v5.500M13.500 11v5.500",
  thread: "M4 5h16v11H10l-4 4v-4H4zM8 9h8M8 12.500h5",
  stop: "M7 7h10v10H7z",
  question:
    "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM9.500 9.500a2.500 2.500 0 1 1 3.500 2.300c-.8.400-1 .900-1 1.700M12 16.800v.1",
  chevron: "M9 6l6 6-6 6",
  down: "M12 5v14M6 13l6 6 6-6",
  check: "M5 12.500 10 17.500 19 7",
  circle: "M12 20a8 8 0 1 0 0-16 8 8 0 0 0 0 16z",
  half: "M12 20a8 8 0 1 0 0-16 8 8 0 0 0 0 16zM12 8v4l3 2",
  cross: "M12 20a8 8 0 1 0 0-16 8 8 0 0 0 0 16zM9.500 9.500l5 5M14.500 9.500l-5 5",
  dash: "M12 20a8 8 0 1 0 0-16 8 8 0 0 0 0 16zM8.500 12h7",
  done: "M12 20a8 8 0 1 0 0-16 8 8 0 0 0 0 16zM8.500 12l2.500 2.500 4.500-5",
  alert: "M12 4 2.500 20h19zM12 10v4.500M12 17.300v.1",
  tool: "M14.500 6.500a4 4 0 0 0-5 5L4 17l3 3 5.500-5.500a4 4 0 0 0 5-5L15 12l-3-3z",
  file: "M6 3h8l4 4v14H6zM14 3v4h4",
  download: "M12 4v11M7 11l5 5 5-5M5 20h14",
  people:
    "M9 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM2.500 20a6.500 6.500 0 0 1 13 0M16 4.300a4 4 0 0 1 0 7.400M18 14.500a6.500 6.500 0 0 1 3.500 5.500",
  work: "M4 6h10M4 12h16M4 18h7M17 4v4M15 6h4",
  more: "M5 12a1 1 0 1 0 2 0 1 1 0 0 0-2 0M11 12a1 1 0 1 0 2 0 1 1 0 0 0-2 0M17 12a1 1 0 1 0 2 0 1 1 0 0 0-2 0",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  link: "M10 14a4 4 0 0 0 6 .5l3-3a4 4 0 0 0-5.700-5.700L12 7M14 10a4 4 0 0 0-6-.5l-3 3a4 4 0 0 0 5.700 5.700L12 17",
  archive: "M4 5h16v4H4zM5.500 9v11h13V9M10 13h4",
  leave: "M14 4h5v16h-5M3 12h11M10 8l4 4-4 4",
  handoff: "M4 12h14M13 7l5 5-5 5",
} as const;

export type IconName = keyof typeof PATHS;

/** A decorative line icon: hidden from assistive technology, so the control around it carries the name. */
export function Icon({ name, className }: { name: IconName; className?: string }) {
  return (
    <svg className={className ? `icon ${className}` : "icon"} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
