import { type KeyboardEvent, useEffect, useId, useRef, useState } from "react";
import type { WebPost } from "../api/protocol.ts";
import { useController, useMe } from "../state/context.tsx";

/** Changes one's own message in its place: Enter saves, Escape leaves it as it was. */
export function EditForm({ post, onDone }: { post: WebPost; onDone: () => void }) {
  const { posts } = useController();
  const { limits } = useMe();
  const [text, setText] = useState(post.text);
  const [saving, setSaving] = useState(false);
  const box = useRef<HTMLTextAreaElement>(null);
  const id = useId();
  const usable = text.trim() !== "" && text !== post.text;

  useEffect(() => {
    box.current?.focus();
    box.current?.setSelectionRange(box.current.value.length, box.current.value.length);
  }, []);

  const save = async () => {
    if (!usable || saving) return;
    setSaving(true);
    const saved = await posts.edit(post, text);
    setSaving(false);
    if (saved) onDone();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      onDone();
    } else if (event.key === "Enter" && !event.shiftKey && !event.nativeEvent.isComposing) {
      event.preventDefault();
      void save();
    }
  };

  return (
    <form
      className="edit-form"
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <label htmlFor={id} className="visually-hidden">
        Edit your message
      </label>
      <textarea
        ref={box}
        id={id}
        className="text-input"
        value={text}
        maxLength={limits.maxPostChars}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={onKeyDown}
      />
      <div className="row">
        <button type="submit" className="button button-primary button-small" disabled={!usable || saving}>
          Save
        </button>
        <button type="button" className="button button-small" onClick={onDone}>
          Cancel
        </button>
        <span className="message-note">Enter saves, Escape cancels</span>
      </div>
    </form>
  );
}
