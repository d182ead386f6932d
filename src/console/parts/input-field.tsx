import { useId } from "react";
import type { InputField } from "../api/parts.ts";

/** One field of an input request, as the control that fits its kind; values are text, booleans "true" and "false". */
export function InputFieldView(props: {
  field: InputField;
  value: string;
  disabled: boolean;
  onChange: (value: string) => void;
}) {
  const { field, value, disabled, onChange } = props;
  const id = useId();
  if (field.kind === "boolean") {
    return (
      <div className="checkbox-field">
        <input
          id={id}
          type="checkbox"
          checked={value === "true"}
          disabled={disabled}
          onChange={(event) => onChange(String(event.target.checked))}
        />
        <label htmlFor={id}>{field.label}</label>
      </div>
    );
  }
  const shared = { id, className: "text-input", value, disabled, required: field.required, maxLength: 8_000 };
  return (
    <div className="field">
      <label htmlFor={id}>
        {field.label}
        {field.required && <span className="field-hint"> (required)</span>}
      </label>
      {field.kind === "choice" ? (
        <select
          id={id}
          className="text-input"
          value={value}
          disabled={disabled}
          required={field.required}
          onChange={(event) => onChange(event.target.value)}
        >
          <option value="">Choose…</option>
          {field.options?.map((option) => (
            <option key={option.id} value={option.id}>
              {option.label}
            </option>
          ))}
        </select>
      ) : field.kind === "paragraph" ? (
        <textarea {...shared} rows={4} onChange={(event) => onChange(event.target.value)} />
      ) : (
        <input
          {...shared}
          type={field.kind === "number" ? "number" : "text"}
          {...(field.kind === "number" ? { step: "any" } : {})}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
    </div>
  );
}
