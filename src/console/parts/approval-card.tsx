import { useId } from "react";
import type { ApprovalRequestPart } from "../api/parts.ts";
import type { WebPost } from "../api/protocol.ts";
import { Markdown } from "../markdown/markdown.tsx";
import { useController } from "../state/context.tsx";
import { FormError } from "../ui/form-error.tsx";
import { useChoice } from "./use-choice.ts";
import { useExpired } from "./use-expired.ts";

const BUTTONS = { allow: "button button-primary", deny: "button button-danger", neutral: "button" } as const;

/** An agent's question with one button per answer; once it is decided the message says by whom, in place of this. */
export function ApprovalCard({ post, part }: { post: WebPost; part: ApprovalRequestPart }) {
  const { posts } = useController();
  const choice = useChoice();
  const titleId = useId();
  const expired = useExpired(post.createdAt, part.expiresInMs);

  return (
    <fieldset className="card" aria-labelledby={titleId}>
      <div id={titleId} className="card-title">
        <Markdown text={part.prompt} />
      </div>
      {part.subject && <div className="card-subject">{part.subject}</div>}
      <FormError text={choice.error} />
      {expired ? (
        <p className="card-outcome">Nobody answered in time.</p>
      ) : (
        <div className="row">
          {part.options.map((option) => (
            <button
              key={option.id}
              type="button"
              className={BUTTONS[option.effect]}
              disabled={choice.pending}
              onClick={() =>
                void choice.make(() => posts.answer(post, { actionId: part.approvalId, value: option.id }))
              }
            >
              {option.label}
            </button>
          ))}
          {choice.pending && <output>Sending…</output>}
        </div>
      )}
    </fieldset>
  );
}
