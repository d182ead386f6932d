import type { ErrorPart } from "../api/parts.ts";
import { Icon } from "../ui/icon.tsx";

/** Says that the agent failed, with its code for the operator. */
export function ErrorPartView({ part }: { part: ErrorPart }) {
  return (
    <div className="notice notice-error error-part">
      <Icon name="alert" />
      <div>
        <p>
          <span className="visually-hidden">Error: </span>
          {part.message}
        </p>
        <p className="error-code">
          {part.code}
          {part.retryable && " · asking again may help"}
        </p>
      </div>
    </div>
  );
}
