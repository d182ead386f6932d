import { useEffect, useState } from "react";
import { RoomPanel } from "./room/room-panel.tsx";
import { RosterPanel } from "./roster/roster-panel.tsx";
import { useConsole, useController } from "./state/context.tsx";
import { NoticeBar } from "./ui/notice-bar.tsx";
import { useNarrow } from "./ui/use-narrow.ts";
import { WorkspacePanel } from "./workspace/workspace-panel.tsx";

/** The three panels: roster, messages, workspace. On a narrow window the outer two are drawers over the messages. */
export function Shell() {
  const { rooms } = useController();
  const narrow = useNarrow();
  const paneOpen = useConsole((state) => state.pane.open);
  const activeRoomId = useConsole((state) => state.activeRoomId);
  const [rosterOpen, setRosterOpen] = useState(false);

  useEffect(() => {
    if (narrow) rooms.showPane({ open: false });
  }, [narrow, rooms]);
  // Choosing a room is what the drawer was opened for.
  useEffect(() => setRosterOpen(false), [activeRoomId]);

  const drawerOpen = narrow && (rosterOpen || paneOpen);
  const closeDrawers = () => {
    setRosterOpen(false);
    rooms.showPane({ open: false });
  };

  return (
    <div
      className="shell"
      onKeyDown={(event) => {
        if (event.key === "Escape" && drawerOpen && !event.defaultPrevented) closeDrawers();
      }}
    >
      <a className="skip-link" href="#message-box">
        Skip to the message box
      </a>
      <RosterPanel open={rosterOpen} onClose={() => setRosterOpen(false)} />
      <RoomPanel onOpenRoster={() => setRosterOpen(true)} />
      {paneOpen && <WorkspacePanel />}
      {drawerOpen && <div className="drawer-backdrop" onClick={closeDrawers} aria-hidden="true" />}
      <NoticeBar />
    </div>
  );
}
