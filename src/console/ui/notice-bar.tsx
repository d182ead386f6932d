import { useEffect } from "react";
import { useConsole, useController } from "../state/context.tsx";
import { Icon } from "./icon.tsx";

const OK_SHOWN_MS = 5_000;

/** Says what just failed, until it is dismissed, or what just worked, for 5 s. */
export function NoticeBar() {
  const { store } = useController();
  const notice = useConsole((state) => state.notice);
  useEffect(() => {
    if (notice?.kind !== "ok") return;
    const timer = window.setTimeout(() => store.dispatch({ type: "notice_dismissed" }), OK_SHOWN_MS);
    return () => window.clearTimeout(timer);
  }, [notice, store]);
  return (
    <div className="notice-bar" role={notice?.kind === "error" ? "alert" : "status"}>
      {notice && (
        <div className={`notice notice-${notice.kind}`}>
          <span>{notice.text}</span>
          <button
            type="button"
            className="icon-button"
            aria-label="Dismiss this notice"
            onClick={() => store.dispatch({ type: "notice_dismissed" })}
          >
            <Icon name="close" />
          </button>
        </div>
      )}
    </div>
  );
}
