import { type ReactNode, useMemo, useRef, useState } from "react";
import type { WebRoom } from "../api/protocol.ts";
import { useConsole } from "../state/context.tsx";
import { Icon } from "../ui/icon.tsx";
import { MenuButton } from "../ui/menu-button.tsx";
import { useDrawerFocus } from "../ui/use-drawer-focus.ts";
import { BrowseRoomsDialog } from "./browse-rooms-dialog.tsx";
import { CreateRoomDialog } from "./create-room-dialog.tsx";
import { DirectDialog } from "./direct-dialog.tsx";
import { RoomItem } from "./room-item.tsx";
import { RoomMembers } from "./room-members.tsx";
import { RosterFooter } from "./roster-footer.tsx";

type OpenDialog = "create" | "browse" | "direct" | null;

/** The left panel: rooms, direct messages, and who is in the open room. */
export function RosterPanel({ open, onClose }: { open: boolean; onClose: () => void }) {
  const rooms = useConsole((state) => state.rooms);
  const [dialog, setDialog] = useState<OpenDialog>(null);
  const panel = useRef<HTMLElement>(null);
  const joined = useMemo(() => sortRooms(Object.values(rooms).filter((room) => room.joined)), [rooms]);
  const close = () => setDialog(null);

  useDrawerFocus({ panel, open, toggleId: "roster-toggle" });

  return (
    <nav
      ref={panel}
      className={open ? "panel roster-panel panel-open" : "panel roster-panel"}
      aria-label="Rooms and members"
    >
      <div className="panel-header">
        <span className="panel-title">Parley</span>
        <span className="spacer" />
        <MenuButton
          label="Add a room"
          icon="plus"
          items={[
            { label: "Create a room", icon: "hash", onSelect: () => setDialog("create") },
            { label: "Join a room", icon: "people", onSelect: () => setDialog("browse") },
            { label: "New direct message", icon: "pencil", onSelect: () => setDialog("direct") },
          ]}
        />
        <button
          type="button"
          className="icon-button drawer-toggle"
          aria-label="Close the list of rooms"
          onClick={onClose}
        >
          <Icon name="close" />
        </button>
      </div>
      <div className="panel-body">
        <Section title="Rooms" empty="You are in no room yet.">
          {joined.filter((room) => room.kind !== "direct").map(renderRoom)}
        </Section>
        <Section title="Direct messages" empty="None yet. Choose a member below to write to.">
          {joined.filter((room) => room.kind === "direct").map(renderRoom)}
        </Section>
        <RoomMembers />
      </div>
      <RosterFooter />
      {dialog === "create" && <CreateRoomDialog onClose={close} />}
      {dialog === "browse" && <BrowseRoomsDialog onClose={close} />}
      {dialog === "direct" && <DirectDialog onClose={close} />}
    </nav>
  );
}

function renderRoom(room: WebRoom) {
  return <RoomItem key={room.id} room={room} />;
}

function Section({ title, empty, children }: { title: string; empty: string; children: ReactNode[] }) {
  return (
    <section className="roster-section">
      <div className="roster-section-head">
        <h2>{title}</h2>
      </div>
      {children.length === 0 ? <p className="roster-empty">{empty}</p> : <ul className="roster-list">{children}</ul>}
    </section>
  );
}

function sortRooms(rooms: readonly WebRoom[]): readonly WebRoom[] {
  return [...rooms].sort((a, b) => Number(a.archived) - Number(b.archived) || a.name.localeCompare(b.name));
}
