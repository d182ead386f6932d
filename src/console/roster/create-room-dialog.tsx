import { type FormEvent, useId, useState } from "react";
import { useController } from "../state/context.tsx";
import { failureText } from "../state/failures.ts";
import { Dialog } from "../ui/dialog.tsx";
import { FormError } from "../ui/form-error.tsx";

/** Makes a room and opens it; the server's own sentence is shown when it refuses the name. */
export function CreateRoomDialog({ onClose }: { onClose: () => void }) {
  const { rooms } = useController();
  const [name, setName] = useState("");
  const [topic, setTopic] = useState("");
  const [isPrivate, setPrivate] = useState(false);
  const [error, setError] = useState<string>();
  const ids = { name: useId(), topic: useId(), isPrivate: useId() };

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const slug = name.trim().replace(/^#/, "").replace(/\s+/g, "-").toLowerCase();
    try {
      await rooms.create({ name: slug, kind: isPrivate ? "private" : "public", topic: topic.trim() });
      onClose();
    } catch (failure) {
      setError(failureText(failure));
    }
  };

  return (
    <Dialog title="Create a room" onClose={onClose}>
      <form className="form-grid" onSubmit={(event) => void submit(event)}>
        <FormError text={error} />
        <div className="field">
          <label htmlFor={ids.name}>Name</label>
          <input
            id={ids.name}
            className="text-input"
            value={name}
            onChange={(event) => setName(event.target.value)}
            maxLength={64}
            required
            autoComplete="off"
            aria-describedby={`${ids.name}-hint`}
          />
          <span id={`${ids.name}-hint`} className="field-hint">
            Letters, digits, - and _; spaces become hyphens.
          </span>
        </div>
        <div className="field">
          <label htmlFor={ids.topic}>Topic (optional)</label>
          <input
            id={ids.topic}
            className="text-input"
            value={topic}
            onChange={(event) => setTopic(event.target.value)}
            maxLength={250}
            autoComplete="off"
          />
        </div>
        <div className="checkbox-field">
          <input
            id={ids.isPrivate}
            type="checkbox"
            checked={isPrivate}
            onChange={(event) => setPrivate(event.target.checked)}
          />
          <label htmlFor={ids.isPrivate}>Private: only people who are added can see it</label>
        </div>
        <div className="dialog-actions">
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="button button-primary" disabled={name.trim() === ""}>
            Create
          </button>
        </div>
      </form>
    </Dialog>
  );
}
