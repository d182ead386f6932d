import type { AgentIdentity } from "../../src/contracts/adapter.ts";
import type { AdapterSink } from "../../src/contracts/adapter-sink.ts";
import type { Explanation } from "../../src/contracts/operations.ts";
import type { WebRoomRecord, WebRoomView } from "../../src/contracts/web-room-records.ts";
import type { WebRoomStore } from "../../src/contracts/web-room-store.ts";
import type { ResolvedWebConfig } from "./config.ts";
import type { Intake } from "./intake.ts";
import type { PeopleDirectory } from "./people-directory.ts";
import type { SocketHub } from "./socket-hub.ts";

/** An agent as the room shows it. */
export interface WebRoomAgent extends AgentIdentity {
  readonly description: string;
  readonly owner?: string;
  /** `not_set_up`: it would say so instead of answering. */
  readonly status: "active" | "paused" | "not_set_up";
  /** Of an agent that dials in. */
  readonly connection?: "connected" | "away";
}

/** A room, and who acts in it. */
export interface RoomPlace {
  readonly organizationId: string;
  readonly installationId: string;
  readonly personId: string;
  readonly room: WebRoomView;
}

/** Invitations of agents into rooms, as the rest of Parley decides and keeps them. */
export interface RoomInvitations {
  list(
    organizationId: string,
    roomId: string,
  ): Promise<
    readonly { readonly agentHandle: string; readonly inviterKind: "person" | "operator"; readonly inviterId: string }[]
  >;
  mayInvite(place: RoomPlace): Promise<boolean>;
  invite(request: RoomPlace & { readonly agentHandle: string }): Promise<InvitationAnswer>;
  uninvite(request: RoomPlace & { readonly agentHandle: string }): Promise<InvitationAnswer>;
  takeOver(request: RoomPlace & { readonly agentHandle: string }): Promise<InvitationAnswer>;
  /** Another object whenever something that decides about access may have changed. */
  readonly revision: (organizationId: string) => object;
}

export interface InvitationAnswer {
  /** Whether what was asked for holds now. */
  readonly done: boolean;
  /** The person may not. */
  readonly denied: boolean;
  readonly text: string;
}

export interface WebAdapterDependencies {
  /** Default: agents are in the rooms that their definitions name, and nobody invites them. */
  readonly invitations?: RoomInvitations;
  /** Why a post came about, without anything of other rooms; undefined when nothing is known of it. Default: nothing ever is. */
  readonly explain?: (
    organizationId: string,
    post: { readonly roomId: string; readonly postId: string },
  ) => Promise<Explanation | undefined>;
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
  readonly explain: WebAdapterDependencies["explain"];
  readonly invitations: RoomInvitations | undefined;
  /** The id of an organization's web rooms. Throws PLATFORM_UNAVAILABLE before `start`. */
  readonly installationOf: (organizationId: string) => Promise<string>;
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
