import { type ReactNode, useEffect, useRef, useState } from "react";
import { Icon } from "../ui/icon.tsx";

const COPIED_SHOWN_MS = 2_000;

/** A fenced block with its language and a copy button; the button says when the clipboard refused. */
export function CodeBlock({ language, code, children }: { language: string; code: string; children: ReactNode }) {
  const [outcome, setOutcome] = useState<"idle" | "copied" | "refused">("idle");
  const timer = useRef<number>(undefined);
  useEffect(() => () => window.clearTimeout(timer.current), []);

  const copy = () => {
    const show = (result: "copied" | "refused") => {
      setOutcome(result);
      window.clearTimeout(timer.current);
      timer.current = window.setTimeout(() => setOutcome("idle"), COPIED_SHOWN_MS);
    };
    // The clipboard exists on secure origins alone; a deployment on plain HTTP has none.
    if (!navigator.clipboard) show("refused");
    else
      navigator.clipboard.writeText(code).then(
        () => show("copied"),
        () => show("refused"),
      );
  };

  return (
    <div className="code-block">
      <div className="code-block-head">
        <span>{language || "text"}</span>
        <button type="button" className="button button-small" onClick={copy}>
          <Icon name={outcome === "copied" ? "check" : "copy"} />
          <span aria-live="polite">
            {{ idle: "Copy", copied: "Copied", refused: "Select and copy by hand" }[outcome]}
          </span>
        </button>
      </div>
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex, jsx-a11y/prefer-tag-over-role -- what scrolls sideways must be reachable by keyboard */}
      <pre role="group" aria-label={`Code${language ? `, ${language}` : ""}`} tabIndex={0}>
        {children}
      </pre>
    </div>
  );
}
