/** A line across the messages: a new day, or where the unread ones begin. */
export function Divider({ label, unread }: { label: string; unread?: boolean }) {
  return <p className={unread ? "divider divider-unread" : "divider"}>{label}</p>;
}
