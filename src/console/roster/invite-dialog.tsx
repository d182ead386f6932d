import { type FormEvent, useId, useState } from "react";
import type { Role } from "../api/protocol.ts";
import { useController, useMe } from "../state/context.tsx";
import { failureText } from "../state/failures.ts";
import { CopyField } from "../ui/copy-field.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { FormError } from "../ui/form-error.tsx";
import { fullTime } from "../ui/time.ts";

/** Makes a sign-in link for a new person; it is shown once, to be handed over by hand. */
export function InviteDialog({ onClose }: { onClose: () => void }) {
  const { api } = useController();
  const me = useMe();
  const [name, setName] = useState("");
  const [role, setRole] = useState<Role>("member");
  const [link, setLink] = useState<{ url: string; expiresAt: string }>();
  const [error, setError] = useState<string>();
  const nameId = useId();
  const roleId = useId();

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setError(undefined);
    try {
      setLink(await api.invite(name.trim(), role));
    } catch (failure) {
      setError(failureText(failure));
    }
  };

  if (link) {
    return (
      <Dialog title={`Invitation for ${name.trim()}`} onClose={onClose}>
        <p>Send this link to {name.trim()} and to nobody else: whoever opens it first is signed in under that name.</p>
        <CopyField label="Sign-in link" value={new URL(link.url, window.location.href).href} />
        <p className="field-hint">It works once, until {fullTime(link.expiresAt)}.</p>
        <div className="dialog-actions">
          <button type="button" className="button button-primary" onClick={onClose}>
            Done
          </button>
        </div>
      </Dialog>
    );
  }
  return (
    <Dialog title="Invite a person" onClose={onClose}>
      <form className="form-grid" onSubmit={(event) => void submit(event)}>
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
          <label htmlFor={roleId}>Role</label>
          <select
            id={roleId}
            className="text-input"
            value={role}
            onChange={(event) => setRole(toRole(event.target.value))}
          >
            <option value="member">Member</option>
            <option value="admin">Admin: may invite people and manage every room</option>
            {me.person.role === "owner" && <option value="owner">Owner</option>}
          </select>
        </div>
        <div className="dialog-actions">
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="button button-primary" disabled={name.trim() === ""}>
            Make the link
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function toRole(value: string): Role {
  return value === "owner" || value === "admin" ? value : "member";
}
