import { type FormEvent, useId, useState } from "react";
import { agentsApi } from "../api/agents-api.ts";
import { useMe } from "../state/context.tsx";
import { failureText } from "../state/failures.ts";
import { FormError } from "../ui/form-error.tsx";
import { AGENT_KINDS, type AgentKind, type KindField } from "./agent-kinds.ts";

/** What is known of an agent that was just added; `secret` is in no other place of the page. */
export interface AddedAgent {
  readonly handle: string;
  readonly kind: string;
  readonly secret: string | undefined;
  readonly isRotated?: boolean;
}

/** Adds an agent that is reached from outside; its owner is who adds it. */
export function AddAgentForm({ onAdded, onCancel }: { onAdded: (agent: AddedAgent) => void; onCancel: () => void }) {
  const me = useMe();
  const [kind, setKind] = useState<AgentKind>(AGENT_KINDS[0] as AgentKind); // the list is not empty
  const [handle, setHandle] = useState("");
  const [name, setName] = useState("");
  const [description, setDescription] = useState("");
  const [values, setValues] = useState<Readonly<Record<string, string>>>({});
  const [error, setError] = useState<string>();
  const [busy, setBusy] = useState(false);
  const kindId = useId();

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setError(undefined);
    setBusy(true);
    const given = kind.fields.flatMap(({ name: field }): [string, string][] => {
      const value = values[field]?.trim() ?? "";
      return value === "" ? [] : [[field, value]];
    });
    try {
      const secret = await agentsApi.add({
        handle: handle.trim(),
        name: name.trim() || handle.trim(),
        description: description.trim(),
        owner: me.person.name,
        connector: { kind: kind.kind, ...kind.fixed, ...Object.fromEntries(given) },
      });
      onAdded({ handle: handle.trim(), kind: kind.kind, secret });
    } catch (failure) {
      setError(failureText(failure));
    } finally {
      setBusy(false);
    }
  };

  return (
    <form className="form-grid" onSubmit={(event) => void submit(event)}>
      <FormError text={error} />
      <div className="field">
        <label htmlFor={kindId}>How it is reached</label>
        <select
          id={kindId}
          className="text-input"
          value={kind.kind}
          onChange={(event) => setKind(AGENT_KINDS.find((one) => one.kind === event.target.value) ?? kind)}
        >
          {AGENT_KINDS.map((one) => (
            <option key={one.kind} value={one.kind}>
              {one.label}
            </option>
          ))}
        </select>
      </div>
      <TextField
        field={{ name: "handle", label: "Handle, such as helper", type: "text", required: true }}
        value={handle}
        onChange={setHandle}
        maxLength={32}
      />
      <TextField
        field={{ name: "name", label: "Name", type: "text", required: false }}
        value={name}
        onChange={setName}
        maxLength={80}
      />
      <TextField
        field={{ name: "description", label: "What it is for", type: "text", required: false }}
        value={description}
        onChange={setDescription}
        maxLength={500}
      />
      {kind.fields.map((field) => (
        <TextField
          key={`${kind.kind} ${field.name}`}
          field={field}
          value={values[field.name] ?? ""}
          onChange={(value) => setValues({ ...values, [field.name]: value })}
          maxLength={2_048}
        />
      ))}
      <div className="dialog-actions">
        <button type="button" className="button" onClick={onCancel}>
          Cancel
        </button>
        <button type="submit" className="button button-primary" disabled={busy || handle.trim() === ""}>
          Add the agent
        </button>
      </div>
    </form>
  );
}

function TextField(props: { field: KindField; value: string; onChange: (value: string) => void; maxLength: number }) {
  const { field, value, onChange, maxLength } = props;
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{field.label}</label>
      <input
        id={id}
        className="text-input"
        type={field.type}
        value={value}
        onChange={(event) => onChange(event.target.value)}
        required={field.required}
        maxLength={maxLength}
        autoComplete="off"
        spellCheck={false}
      />
    </div>
  );
}
