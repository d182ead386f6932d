import { useId, useRef, useState } from "react";

/** A text to hand over, with a copy button; where the page may not use the clipboard, the text is selected instead. */
export function CopyField({ label, value }: { label: string; value: string }) {
  const [copied, setCopied] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  const fieldId = useId();
  const copy = () => {
    field.current?.select();
    navigator.clipboard?.writeText(value).then(
      () => setCopied(true),
      () => setCopied(false),
    );
  };
  return (
    <div className="field">
      <label htmlFor={fieldId}>{label}</label>
      <div className="copy-field">
        <input ref={field} id={fieldId} className="text-input" readOnly value={value} />
        <button type="button" className="button" onClick={copy}>
          <span aria-live="polite">{copied ? "Copied" : "Copy"}</span>
        </button>
      </div>
    </div>
  );
}
