import { useEffect, useState } from "react";
import type { ExplanationAnswer, ExplanationStep, WebPost } from "../api/protocol.ts";
import { useController } from "../state/context.tsx";
import { failureText } from "../state/failures.ts";
import { Dialog } from "../ui/dialog.tsx";
import { FormError } from "../ui/form-error.tsx";

const VERBS: Readonly<Record<ExplanationStep["verb"], string>> = {
  ingest: "Taken in",
  route: "Routed",
  access: "Access",
  assemble: "Context",
  invoke: "Agent",
  render: "Reply",
  deliver: "Delivery",
};

/** One timeline of a message, from its arrival to the receipt of the answer, each step with the rule that decided it. */
export function WhyDialog({ post, onClose }: { post: WebPost; onClose: () => void }) {
  const { api } = useController();
  const [explanation, setExplanation] = useState<ExplanationAnswer>();
  const [error, setError] = useState<string>();
  useEffect(() => {
    let shown = true;
    api.explanation(post.id).then(
      (answer) => shown && setExplanation(answer),
      (failure: unknown) => shown && setError(failureText(failure)),
    );
    return () => {
      shown = false;
    };
  }, [api, post.id]);
  const title = post.author.kind === "agent" ? "Why this answer?" : "What became of this message?";
  return (
    <Dialog title={title} onClose={onClose}>
      <FormError text={error} />
      {explanation === undefined && error === undefined && <p>Looking…</p>}
      {explanation !== undefined && <Timeline explanation={explanation} />}
    </Dialog>
  );
}

function Timeline({ explanation }: { explanation: ExplanationAnswer }) {
  const { state, stateReason, steps, auditRecords } = explanation;
  const start = Date.parse(steps[0]?.at ?? "");
  return (
    <>
      <p>
        It is <strong>{words(state)}</strong>
        {stateReason !== undefined && ` (${words(stateReason)})`}.
      </p>
      <ol className="why-list">
        {steps.map((step, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: the list is shown once and never changes
          <li key={index} className="why-step">
            <span className="why-after">{after(Date.parse(step.at) - start)}</span>
            <span>
              <strong>{VERBS[step.verb]}</strong>
              {step.agent !== undefined && ` @${step.agent}`}: {words(step.outcome)}
            </span>
            <code className="why-rule">{step.rule}</code>
          </li>
        ))}
      </ol>
      {auditRecords.length > 0 && (
        <p className="why-audit">
          In the audit log:{" "}
          {auditRecords.map(({ id, seal }) => `record ${id}${seal === null ? "" : ` (seal ${seal})`}`).join(", ")}
        </p>
      )}
    </>
  );
}

function words(name: string): string {
  return name.replaceAll("_", " ");
}

function after(ms: number): string {
  return ms < 1_000 ? `${Math.max(0, ms)} ms` : `${(ms / 1_000).toFixed(1)} s`;
}
