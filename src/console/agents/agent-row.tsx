import type { RegisteredAgent } from "../api/agents-api.ts";
import { MenuButton, type MenuItem } from "../ui/menu-button.tsx";

export interface AgentActions {
  readonly onPause: () => void;
  readonly onResume: () => void;
  readonly onRotate: () => void;
  readonly onEndOldSecrets: () => void;
  readonly onRemove: () => void;
}

/** One agent in the list: what it is, whether it can be reached, who owns it, and what can be done about it. */
export function AgentRow({ agent, actions }: { agent: RegisteredAgent; actions: AgentActions }) {
  const items: MenuItem[] = [
    agent.status === "active"
      ? { label: "Pause", icon: "stop", onSelect: actions.onPause }
      : { label: "Resume", icon: "check", onSelect: actions.onResume },
  ];
  if (agent.connectorKind === "socket")
    items.push({ label: "Give it a new token", icon: "link", onSelect: actions.onRotate });
  if (agent.connectorKind === "webhook" && agent.source === "api")
    items.push(
      { label: "Give it a new secret", icon: "link", onSelect: actions.onRotate },
      { label: "End its older secrets", icon: "trash", onSelect: actions.onEndOldSecrets },
    );
  if (agent.source === "api") items.push({ label: "Remove", icon: "trash", onSelect: actions.onRemove });
  const facts = [
    agent.connectorKind,
    agent.connection?.state ?? (agent.status === "active" ? undefined : agent.status),
    agent.owner === undefined ? undefined : `owner: ${agent.owner}`,
  ];
  return (
    <li className="choice-row">
      <span className="member-names">
        <span>
          {agent.name} <span className="member-handle">@{agent.handle}</span>
        </span>
        <span className="member-handle">{facts.filter((fact) => fact !== undefined).join(" · ")}</span>
      </span>
      <MenuButton label={`What to do about ${agent.name}`} icon="more" items={items} />
    </li>
  );
}
