import type { AgentIdentity } from "../../src/contracts/adapter.ts";
import type { AdapterSink } from "../../src/contracts/adapter-sink.ts";
import type { WebRoomRecord } from "../../src/contracts/web-room-records.ts";
import type { WebRoomStore } from "../../src/contracts/web-room-store.ts";
import type { ResolvedWebConfig } from "./config.ts";
import type { Intake } from "./intake.ts";
import type { PeopleDirectory } from "./people-directory.ts";
import type { SocketHub } from "./socket-hub.ts";

/** An agent as the room shows it. */
export interface WebRoomAgent extends AgentIdentity {
  readonly description: string;
  /** `not_set_up`: it would say so instead of answering. */
  readonly status: "active" | "paused" | "not_set_up";
}

export interface WebAdapterDependencies {
  readonly store: WebRoomStore;
  /** The agents of the organization, or those that are members of a room; cheap, from memory. */
  readonly agents: (
    organizationId: string,
    room?: Pick<WebRoomRecord, "roomId" | "name" | "kind">,
  ) => readonly WebRoomAgent[];
}

/** What the parts of the adapter share. */
export interface WebContext {
  readonly config: ResolvedWebConfig;
  readonly store: WebRoomStore;
  readonly agents: WebAdapterDependencies["agents"];
  readonly people: PeopleDirectory;
  readonly intake: Intake;
  readonly hub: SocketHub;
  /** Undefined before `start` and after `stop`. */
  sink(): AdapterSink | undefined;
}

/** The agents that are in a room: in a direct message the one it is with, and none between people. */
export function agentsIn(
  agents: WebAdapterDependencies["agents"],
  room: Pick<WebRoomRecord, "organizationId" | "roomId" | "name" | "kind" | "agentHandle">,
): readonly WebRoomAgent[] {
  if (room.kind !== "direct") return agents(room.organizationId, room);
  return agents(room.organizationId).filter((agent) => agent.handle === room.agentHandle);
}
