import { useId, useState } from "react";
import type { ApprovalRequestPart } from "../api/parts.ts";
import type { WebPost } from "../api/protocol.ts";
import { Markdown } from "../markdown/markdown.tsx";
import { useController } from "../state/context.tsx";
import { failureText } from "../state/failures.ts";
import { FormError } from "../ui/form-error.tsx";
import { Icon } from "../ui/icon.tsx";
import { clockTime } from "../ui/time.ts";
import { useExpired } from "./use-expired.ts";

const BUTTONS = { allow: "button button-primary", deny: "button button-danger", neutral: "button" } as const;

/** An agent's question with one button per answer; once answered it says who decided what, and when. */
export function ApprovalCard({ post, part }: { post: WebPost; part: ApprovalRequestPart }) {
  const { posts } = useController();
  const [chosen, setChosen] = useState<string>();
  const [error, setError] = useState<string>();
  const titleId = useId();
  const expired = useExpired(post.createdAt, part.expiresInMs);
  const answer = post.answers.find((candidate) => candidate.actionId === part.approvalId);

  const choose = async (value: string) => {
    setChosen(value);
    setError(undefined);
    try {
      await posts.answer(post, { actionId: part.approvalId, value });
    } catch (failure) {
      setChosen(undefined);
      setError(failureText(failure));
    }
  };

  return (
    <fieldset className="card" aria-labelledby={titleId}>
      <div id={titleId} className="card-title">
        <Markdown text={part.prompt} />
      </div>
      {part.subject && <div className="card-subject">{part.subject}</div>}
      <FormError text={error} />
      {answer ? (
        <p className="card-outcome">
          <Icon name="check" />
          <span>
            {answer.personName} chose “{labelOf(part, answer.value)}” at {clockTime(answer.at)}
          </span>
        </p>
      ) : expired ? (
        <p className="card-outcome">Nobody answered in time.</p>
      ) : (
        <div className="row">
          {part.options.map((option) => (
            <button
              key={option.id}
              type="button"
              className={BUTTONS[option.effect]}
              disabled={chosen !== undefined}
              onClick={() => void choose(option.id)}
            >
              {option.label}
            </button>
          ))}
          {chosen !== undefined && <output>Sending…</output>}
        </div>
      )}
    </fieldset>
  );
}

function labelOf(part: ApprovalRequestPart, value: string | undefined): string {
  return part.options.find((option) => option.id === value)?.label ?? value ?? "an answer";
}
