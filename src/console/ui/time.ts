const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "short" });
const dayOfYear = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const dayAndYear = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "long", year: "numeric" });

export function clockTime(iso: string): string {
  return clock.format(new Date(iso));
}

/** The time without "AM" or "PM", for where there is no room; the full time stands beside it as a title. */
export function narrowTime(iso: string): string {
  const parts = clock.formatToParts(new Date(iso)).filter((part) => part.type !== "dayPeriod");
  return parts
    .map((part) => part.value)
    .join("")
    .trim();
}

export function fullTime(iso: string): string {
  return full.format(new Date(iso));
}

/** Equal for two times of one local calendar day. */
export function dayKey(iso: string): string {
  return new Date(iso).toDateString();
}

/** "Today", "Yesterday", a weekday with its date within this year, else the date with its year. */
export function dayLabel(iso: string, now: Date = new Date()): string {
  const date = new Date(iso);
  if (date.toDateString() === now.toDateString()) return "Today";
  const yesterday = new Date(now);
  yesterday.setDate(now.getDate() - 1);
  if (date.toDateString() === yesterday.toDateString()) return "Yesterday";
  return (date.getFullYear() === now.getFullYear() ? dayOfYear : dayAndYear).format(date);
}

/** A file's size for people: 1 decimal from kB on, in powers of 1000. */
export function fileSize(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1_000_000) return `${(bytes / 1000).toFixed(1)} kB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}
