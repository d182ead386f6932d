import { type KeyboardEvent, useEffect, useEffectEvent, useRef } from "react";

const COLUMNS = 6;
const EMOJI = [
  ["👍", "thumbs up"],
  ["👎", "thumbs down"],
  ["❤️", "heart"],
  ["😄", "laughing"],
  ["🎉", "celebration"],
  ["🚀", "rocket"],
  ["👀", "eyes"],
  ["🤔", "thinking"],
  ["✅", "done"],
  ["❌", "cross"],
  ["🙏", "thanks"],
  ["😕", "confused"],
] as const;

/** A small grid of reactions; arrows move, Enter picks, Escape closes, focus returns to where it was. */
export function EmojiPicker({ onPick, onClose }: { onPick: (emoji: string) => void; onClose: () => void }) {
  const grid = useRef<HTMLFieldSetElement>(null);
  const close = useEffectEvent(onClose);

  useEffect(() => {
    const before = document.activeElement;
    grid.current?.querySelector("button")?.focus();
    const outside = (event: PointerEvent) => {
      if (event.target instanceof Node && !grid.current?.parentElement?.contains(event.target)) close();
    };
    document.addEventListener("pointerdown", outside);
    return () => {
      document.removeEventListener("pointerdown", outside);
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      onClose();
      return;
    }
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: COLUMNS, ArrowUp: -COLUMNS }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const buttons = [...(grid.current?.querySelectorAll("button") ?? [])];
    const at = buttons.findIndex((button) => button === document.activeElement);
    buttons[(at + step + buttons.length) % buttons.length]?.focus();
  };

  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- the keys are those of the buttons inside
    <fieldset ref={grid} className="emoji-picker" aria-label="Choose a reaction" onKeyDown={onKeyDown}>
      {EMOJI.map(([emoji, name]) => (
        <button
          key={emoji}
          type="button"
          className="emoji"
          aria-label={name}
          title={name}
          onClick={() => onPick(emoji)}
        >
          {emoji}
        </button>
      ))}
    </fieldset>
  );
}
