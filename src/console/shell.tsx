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
  // Choosing a room is what the drawer is opened for, so it is open only as long as the room is the same.
  const [rosterOver, setRosterOver] = useState<{ roomId: string | null }>();
  const rosterOpen = rosterOver !== undefined && rosterOver.roomId === activeRoomId;
  const drawerOpen = narrow && (rosterOpen || paneOpen);

  useEffect(() => {
    if (narrow) rooms.showPane({ open: false });
  }, [narrow, rooms]);

  const closeDrawers = () => {
    setRosterOver(undefined);
    rooms.showPane({ open: false });
  };
  useEffect(() => {
    if (!drawerOpen) return;
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.key !== "Escape" || event.defaultPrevented) return;
      setRosterOver(undefined);
      rooms.showPane({ open: false });
    };
    document.addEventListener("keydown", onKeyDown);
    return () => document.removeEventListener("keydown", onKeyDown);
  }, [drawerOpen, rooms]);

  return (
    <div className="shell">
      <a className="skip-link" href="#message-box">
        Skip to the message box
      </a>
      <RosterPanel open={rosterOpen} onClose={() => setRosterOver(undefined)} />
      <RoomPanel onOpenRoster={() => setRosterOver({ roomId: activeRoomId })} />
      {paneOpen && <WorkspacePanel />}
      {drawerOpen && <div className="drawer-backdrop" onClick={closeDrawers} aria-hidden="true" />}
      <NoticeBar />
    </div>
  );
}
