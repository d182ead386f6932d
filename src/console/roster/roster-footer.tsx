import { useState } from "react";
import { AgentsDialog } from "../agents/agents-dialog.tsx";
import { useController, useMe } from "../state/context.tsx";
import { Avatar } from "../ui/avatar.tsx";
import { MenuButton, type MenuItem } from "../ui/menu-button.tsx";
import { InviteDialog } from "./invite-dialog.tsx";
import { ProfileDialog } from "./profile-dialog.tsx";
import { SwitchesDialog } from "./switches-dialog.tsx";

/** Who is signed in, and what concerns the whole organization: profile, invitations, signing out. */
export function RosterFooter() {
  const controller = useController();
  const { person } = useMe();
  const [dialog, setDialog] = useState<"profile" | "invite" | "agents" | "switches" | null>(null);
  const items: MenuItem[] = [{ label: "Name and sessions", icon: "pencil", onSelect: () => setDialog("profile") }];
  if (person.role !== "member") {
    items.push({ label: "Invite a person", icon: "link", onSelect: () => setDialog("invite") });
  }
  if (person.role === "owner") {
    items.push({ label: "Agents", icon: "people", onSelect: () => setDialog("agents") });
    items.push({ label: "Stop and resume agents", icon: "stop", onSelect: () => setDialog("switches") });
  }
  items.push({ label: "Sign out", icon: "leave", onSelect: () => void controller.signOut() });
  return (
    <div className="roster-footer">
      <Avatar of={{ kind: "person", ...person }} presence="online" />
      <span className="member-names">
        <span>{person.name}</span>
        <span className="member-handle">{person.role}</span>
      </span>
      <MenuButton label="Your account" icon="more" items={items} above />
      {dialog === "profile" && <ProfileDialog onClose={() => setDialog(null)} />}
      {dialog === "invite" && <InviteDialog onClose={() => setDialog(null)} />}
      {dialog === "agents" && <AgentsDialog onClose={() => setDialog(null)} />}
      {dialog === "switches" && <SwitchesDialog onClose={() => setDialog(null)} />}
    </div>
  );
}
