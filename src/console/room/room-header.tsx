import { useState } from "react";
import type { WebRoom } from "../api/protocol.ts";
import { useConsole, useController } from "../state/context.tsx";
import { Icon } from "../ui/icon.tsx";
import { MenuButton, type MenuItem } from "../ui/menu-button.tsx";
import { RoomSettingsDialog } from "./room-settings-dialog.tsx";

/** Name and topic of the open room, what can be done with it, and the buttons of the side panels. */
export function RoomHeader({ room, onOpenRoster }: { room: WebRoom | undefined; onOpenRoster: () => void }) {
  const { rooms } = useController();
  const paneOpen = useConsole((state) => state.pane.open);
  const [settings, setSettings] = useState(false);
  const items: MenuItem[] = [];
  if (room?.may.manage && room.kind !== "direct") {
    items.push({ label: "Room settings", icon: "pencil", onSelect: () => setSettings(true) });
  }
  if (room?.joined && room.kind !== "direct") {
    items.push({ label: "Leave the room", icon: "leave", onSelect: () => void rooms.leave(room.id) });
  }
  return (
    <header className="panel-header">
      <button
        type="button"
        className="icon-button drawer-toggle"
        id="roster-toggle"
        aria-label="Open the list of rooms"
        onClick={onOpenRoster}
      >
        <Icon name="menu" />
      </button>
      {room && room.kind !== "direct" && <Icon name={room.kind === "private" ? "lock" : "hash"} />}
      <div className="room-heading">
        <h1 className="panel-title">{room?.name ?? "Parley"}</h1>
        {room?.topic && <p className="room-topic">{room.topic}</p>}
      </div>
      {room?.archived && <span className="badge">archived</span>}
      <span className="spacer" />
      {items.length > 0 && <MenuButton label="Room menu" icon="more" items={items} />}
      <button
        type="button"
        className="icon-button"
        id="pane-toggle"
        aria-label="Workspace pane"
        title="Workspace pane"
        aria-pressed={paneOpen}
        onClick={() => rooms.showPane({ open: !paneOpen })}
      >
        <Icon name="panel" />
      </button>
      {settings && room && <RoomSettingsDialog room={room} onClose={() => setSettings(false)} />}
    </header>
  );
}
