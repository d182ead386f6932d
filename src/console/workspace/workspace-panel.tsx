import { type KeyboardEvent, useEffect, useRef } from "react";
import { useConsole, useController } from "../state/context.tsx";
import { PANE_TABS, type PaneTab } from "../state/model.ts";
import { Icon } from "../ui/icon.tsx";
import { useDrawerFocus } from "../ui/use-drawer-focus.ts";
import { useNarrow } from "../ui/use-narrow.ts";
import { FilesTab } from "./files-tab.tsx";
import { MembersTab } from "./members-tab.tsx";
import { ThreadTab } from "./thread-tab.tsx";
import { WorkTab } from "./work-tab.tsx";

const TITLES: Record<PaneTab, string> = { thread: "Thread", members: "Members", work: "Work", files: "Files" };

/** The right panel: thread, members, running work and files of the open room, one tab at a time. */
export function WorkspacePanel() {
  const { rooms } = useController();
  const pane = useConsole((state) => state.pane);
  const roomId = useConsole((state) => state.activeRoomId);
  const working = useConsole((state) => state.turns.filter((turn) => turn.roomId === roomId).length);
  const tabs = useRef<HTMLDivElement>(null);
  const panel = useRef<HTMLElement>(null);
  useDrawerFocus({ panel, open: useNarrow(), toggleId: "pane-toggle" });

  useEffect(() => {
    if (roomId !== null && (pane.tab === "work" || pane.tab === "files")) void rooms.refreshWork(roomId);
  }, [rooms, roomId, pane.tab, working]);

  const onKeyDown = (event: KeyboardEvent) => {
    const at = PANE_TABS.indexOf(pane.tab);
    const last = PANE_TABS.length - 1;
    const next = { ArrowRight: at === last ? 0 : at + 1, ArrowLeft: at === 0 ? last : at - 1, Home: 0, End: last }[
      event.key
    ];
    const tab = next === undefined ? undefined : PANE_TABS[next];
    if (tab === undefined) return;
    event.preventDefault();
    rooms.showPane({ tab });
    tabs.current?.querySelector<HTMLElement>(`#tab-${tab}`)?.focus();
  };

  return (
    <aside ref={panel} className="panel workspace-panel panel-open" aria-label="Workspace">
      <div className="panel-header">
        <div ref={tabs} className="tabs" role="tablist" aria-label="Workspace">
          {PANE_TABS.map((tab) => (
            <button
              key={tab}
              id={`tab-${tab}`}
              type="button"
              className="tab"
              role="tab"
              aria-selected={tab === pane.tab}
              aria-controls={tab === pane.tab ? "workspace-tab" : undefined}
              tabIndex={tab === pane.tab ? 0 : -1}
              onClick={() => rooms.showPane({ tab })}
              onKeyDown={onKeyDown}
            >
              {TITLES[tab]}
              {tab === "work" && working > 0 && <span className="badge badge-count tab-count">{working}</span>}
            </button>
          ))}
        </div>
        <button
          type="button"
          className="icon-button"
          aria-label="Close the workspace pane"
          onClick={() => rooms.showPane({ open: false })}
        >
          <Icon name="close" />
        </button>
      </div>
      <div id="workspace-tab" className="tab-panel" role="tabpanel" aria-labelledby={`tab-${pane.tab}`}>
        {roomId !== null && <TabContent tab={pane.tab} roomId={roomId} threadRootId={pane.threadRootId} />}
      </div>
    </aside>
  );
}

function TabContent({ tab, roomId, threadRootId }: { tab: PaneTab; roomId: string; threadRootId: string | null }) {
  switch (tab) {
    case "thread":
      return <ThreadTab roomId={roomId} threadRootId={threadRootId} />;
    case "members":
      return <MembersTab roomId={roomId} />;
    case "work":
      return <WorkTab roomId={roomId} />;
    case "files":
      return <FilesTab roomId={roomId} />;
  }
}
