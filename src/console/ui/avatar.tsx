import { type CSSProperties, useState } from "react";
import type { WebAgent } from "../api/protocol.ts";
import { isHexColor, stableColor, textOn } from "./color.ts";

export interface AvatarOf {
  readonly kind: "agent" | "person" | "system";
  readonly id: string;
  readonly name: string;
  readonly color?: string | undefined;
  readonly avatarUrl?: string | undefined;
}

/** What an agent's avatar needs, from the agent as the API gives it. */
export function agentFace(agent: Pick<WebAgent, "agentId" | "name" | "color" | "avatarUrl">): AvatarOf {
  return { kind: "agent", id: agent.agentId, name: agent.name, color: agent.color, avatarUrl: agent.avatarUrl };
}

const STATE_NOTES: Readonly<Record<WebAgent["status"], string>> = {
  active: "",
  paused: " · paused",
  not_set_up: " · not set up",
};

/** What stands behind an agent's handle when it would not answer. */
export function agentStateNote({ status, connection }: Pick<WebAgent, "status" | "connection">): string {
  if (status === "active" && connection === "away") return " · not connected";
  return STATE_NOTES[status];
}

/** The two custom properties that carry a member's colour; set through the CSSOM, which a strict content policy allows. */
export function memberColors(of: AvatarOf): CSSProperties {
  const color = isHexColor(of.color) ? of.color : stableColor(of.id, of.kind === "agent" ? "agent" : "person");
  // React's style type knows no custom properties, though it sets them.
  return { "--avatar-color": color, "--avatar-text": textOn(color) } as CSSProperties;
}

/**
 * A member's picture, or the initial on the member's colour. Agents are square, people round; decorative, the name stands beside it.
 *
 * Only pictures of this origin are loaded: a remote one would tell its host who looks.
 */
export function Avatar({
  of,
  small,
  presence,
}: {
  of: AvatarOf;
  small?: boolean;
  presence?: "online" | "offline" | "away";
}) {
  const [broken, setBroken] = useState(false);
  const shape = of.kind === "agent" ? "avatar avatar-agent" : "avatar";
  const local = of.avatarUrl !== undefined && isSameOrigin(of.avatarUrl) && !broken;
  return (
    <span className={small ? `${shape} avatar-small` : shape} style={memberColors(of)} aria-hidden="true">
      {local ? <img src={of.avatarUrl} alt="" onError={() => setBroken(true)} /> : initial(of.name)}
      {presence && <span className={`presence presence-${presence}`} />}
    </span>
  );
}

function isSameOrigin(url: string): boolean {
  try {
    return new URL(url, window.location.href).origin === window.location.origin;
  } catch {
    return false;
  }
}

function initial(name: string): string {
  const [first] = new Intl.Segmenter().segment(name.trim());
  return first?.segment.toUpperCase() ?? "?";
}
