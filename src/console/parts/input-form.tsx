import { type FormEvent, useId, useState } from "react";
import type { InputRequestPart } from "../api/parts.ts";
import type { WebPost } from "../api/protocol.ts";
import { Markdown } from "../markdown/markdown.tsx";
import { useController } from "../state/context.tsx";
import { FormError } from "../ui/form-error.tsx";
import { InputFieldView } from "./input-field.tsx";
import { useChoice } from "./use-choice.ts";

/** An agent's request for information as a form; once it is answered the message says by whom, in place of this. */
export function InputForm({ post, part }: { post: WebPost; part: InputRequestPart }) {
  const { posts } = useController();
  const [values, setValues] = useState<Readonly<Record<string, string>>>({});
  const choice = useChoice();
  const titleId = useId();

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const fields = Object.fromEntries(
      part.fields.map((field) => [field.id, values[field.id] ?? initialValue(field.kind)]),
    );
    await choice.make(() => posts.answer(post, { actionId: part.inputId, fields }));
  };

  return (
    <form className="card" aria-labelledby={titleId} onSubmit={(event) => void submit(event)}>
      <div id={titleId} className="card-title">
        <Markdown text={part.prompt} />
      </div>
      <FormError text={choice.error} />
      <div className="form-grid">
        {part.fields.map((field) => (
          <InputFieldView
            key={field.id}
            field={field}
            value={values[field.id] ?? initialValue(field.kind)}
            disabled={choice.pending}
            onChange={(value) => setValues((held) => ({ ...held, [field.id]: value }))}
          />
        ))}
      </div>
      <div className="row">
        <button type="submit" className="button button-primary" disabled={choice.pending}>
          {choice.pending ? "Sending…" : "Send the answer"}
        </button>
      </div>
    </form>
  );
}

function initialValue(kind: InputRequestPart["fields"][number]["kind"]): string {
  return kind === "boolean" ? "false" : "";
}
