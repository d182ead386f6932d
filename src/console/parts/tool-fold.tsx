import type { ToolCallPart, ToolResultPart } from "../api/parts.ts";
import { Icon } from "../ui/icon.tsx";

const OUTCOMES = { ok: "done", error: "failed", denied: "denied" } as const;

/** A tool call with its result, folded: the line says which tool and how it went, unfolding shows what went in and came out. */
export function ToolFold(props: {
  call: ToolCallPart | undefined;
  result: ToolResultPart | undefined;
  ended: boolean;
}) {
  const { call, result } = props;
  const title = call?.title ?? call?.name ?? result?.name ?? "tool";
  const outcome = result ? OUTCOMES[result.outcome] : props.ended ? "no result" : "running";
  return (
    <details className="fold">
      <summary>
        <Icon name="chevron" className="fold-chevron" />
        <Icon name="tool" />
        <span>{title}</span>
        <span className={result ? `outcome-${result.outcome}` : undefined}>{outcome}</span>
      </summary>
      <div className="fold-body">
        {call?.input && (
          <>
            <p className="fold-label">Input</p>
            <pre>{call.input}</pre>
          </>
        )}
        {result?.output && (
          <>
            <p className="fold-label">Result</p>
            <pre>{result.output}</pre>
          </>
        )}
        {!call?.input && !result?.output && <p className="message-note">Nothing was recorded for this call.</p>}
      </div>
    </details>
  );
}
