import { type FormEvent, useId, useState } from "react";
import type { WebRoom } from "../api/protocol.ts";
import { useController } from "../state/context.tsx";
import { failureText } from "../state/failures.ts";
import { Dialog } from "../ui/dialog.tsx";
import { FormError } from "../ui/form-error.tsx";

/** Renames a room, changes its topic, archives it or takes it out of the archive. */
export function RoomSettingsDialog({ room, onClose }: { room: WebRoom; onClose: () => void }) {
  const { rooms } = useController();
  const [name, setName] = useState(room.name);
  const [topic, setTopic] = useState(room.topic);
  const [error, setError] = useState<string>();
  const nameId = useId();
  const topicId = useId();

  const change = async (body: { name?: string; topic?: string; archived?: boolean }) => {
    setError(undefined);
    try {
      await rooms.update(room.id, body);
      onClose();
    } catch (failure) {
      setError(failureText(failure));
    }
  };
  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    void change({
      ...(name.trim() === room.name ? {} : { name: name.trim() }),
      ...(topic.trim() === room.topic ? {} : { topic: topic.trim() }),
    });
  };
  const changed = (name.trim() !== room.name && name.trim() !== "") || topic.trim() !== room.topic;

  return (
    <Dialog title={`Settings of ${room.name}`} onClose={onClose}>
      <form className="form-grid" onSubmit={onSubmit}>
        <FormError text={error} />
        <div className="field">
          <label htmlFor={nameId}>Name</label>
          <input
            id={nameId}
            className="text-input"
            value={name}
            onChange={(event) => setName(event.target.value)}
            maxLength={64}
            required
            autoComplete="off"
          />
        </div>
        <div className="field">
          <label htmlFor={topicId}>Topic</label>
          <input
            id={topicId}
            className="text-input"
            value={topic}
            onChange={(event) => setTopic(event.target.value)}
            maxLength={250}
            autoComplete="off"
          />
        </div>
        <div className="dialog-actions">
          <button
            type="button"
            className="button button-danger"
            onClick={() => void change({ archived: !room.archived })}
          >
            {room.archived ? "Take out of the archive" : "Archive the room"}
          </button>
          <span className="spacer" />
          <button type="submit" className="button button-primary" disabled={!changed}>
            Save
          </button>
        </div>
      </form>
    </Dialog>
  );
}
