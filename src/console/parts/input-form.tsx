import { type FormEvent, useId, useState } from "react";
import type { InputRequestPart } from "../api/parts.ts";
import type { WebPost } from "../api/protocol.ts";
import { Markdown } from "../markdown/markdown.tsx";
import { useController } from "../state/context.tsx";
import { failureText } from "../state/failures.ts";
import { FormError } from "../ui/form-error.tsx";
import { Icon } from "../ui/icon.tsx";
import { clockTime } from "../ui/time.ts";
import { InputFieldView } from "./input-field.tsx";

/** An agent's request for information as a form; once answered it says by whom. */
export function InputForm({ post, part }: { post: WebPost; part: InputRequestPart }) {
  const { posts } = useController();
  const [values, setValues] = useState<Readonly<Record<string, string>>>({});
  const [sending, setSending] = useState(false);
  const [error, setError] = useState<string>();
  const titleId = useId();
  const answer = post.answers.find((candidate) => candidate.actionId === part.inputId);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setSending(true);
    setError(undefined);
    try {
      const fields = Object.fromEntries(
        part.fields.map((field) => [field.id, values[field.id] ?? initialValue(field.kind)]),
      );
      await posts.answer(post, { actionId: part.inputId, fields });
    } catch (failure) {
      setSending(false);
      setError(failureText(failure));
    }
  };

  return (
    <form className="card" aria-labelledby={titleId} onSubmit={(event) => void submit(event)}>
      <div id={titleId} className="card-title">
        <Markdown text={part.prompt} />
      </div>
      <FormError text={error} />
      {answer ? (
        <p className="card-outcome">
          <Icon name="check" />
          <span>
            {answer.personName} answered at {clockTime(answer.at)}
          </span>
        </p>
      ) : (
        <>
          <div className="form-grid">
            {part.fields.map((field) => (
              <InputFieldView
                key={field.id}
                field={field}
                value={values[field.id] ?? initialValue(field.kind)}
                disabled={sending}
                onChange={(value) => setValues((held) => ({ ...held, [field.id]: value }))}
              />
            ))}
          </div>
          <div className="row">
            <button type="submit" className="button button-primary" disabled={sending}>
              {sending ? "Sending…" : "Send the answer"}
            </button>
          </div>
        </>
      )}
    </form>
  );
}

function initialValue(kind: InputRequestPart["fields"][number]["kind"]): string {
  return kind === "boolean" ? "false" : "";
}
