import type { WebAgentStatusRecord, WebPersonRecord, WebPostRecord, WebRoomView } from "./web-room-records.ts";

/** A person of the web rooms who comes by another way than the page. */
export interface Visitor {
  readonly organizationId: string;
  readonly personId: string;
}

export interface VisitorFile {
  readonly bytes: Uint8Array;
  readonly name: string;
  readonly mediaType: string;
}

export interface VisitorPost {
  readonly roomId: string;
  readonly text: string;
  readonly files: readonly VisitorFile[];
  /** Equal for repeats of one post of this person, which is made once. */
  readonly repeatKey: string;
  readonly threadRootId?: string;
}

export interface VisitorAnswer {
  readonly postId: string;
  readonly actionId: string;
  readonly value?: string;
  readonly fields: Readonly<Record<string, string>>;
  /** Equal for repeats of one answer. */
  readonly repeatKey: string;
}

/**
 * The web rooms for people who come by another way than the page. What they do enters the platform log like anything else there, and is
 * routed, audited and explained alike; what they are not a member of is as if it were not there.
 *
 * Errors: NOT_FOUND, PERMISSION_DENIED, CONFLICT (the room is archived), LEDGER_UNAVAILABLE, PLATFORM_UNAVAILABLE before the room runs here.
 */
export interface RoomVisitors {
  installationOf(organizationId: string): Promise<string>;
  /** Undefined also for somebody whose access was taken away. */
  person(visitor: Visitor): Promise<WebPersonRecord | undefined>;
  people(organizationId: string): Promise<readonly WebPersonRecord[]>;
  /** The rooms that the person is in. */
  rooms(visitor: Visitor): Promise<readonly WebRoomView[]>;
  /** The room if the person is in it. */
  room(visitor: Visitor, roomId: string): Promise<WebRoomView | undefined>;
  /** The direct message with an agent, made when there is none. */
  openDirect(
    visitor: Visitor,
    agent: { readonly agentId: string; readonly handle: string; readonly name: string },
  ): Promise<string>;
  post(visitor: Visitor, post: VisitorPost): Promise<{ readonly post: WebPostRecord; readonly duplicate: boolean }>;
  /** Answers a question that a post shows. */
  answer(visitor: Visitor, answer: VisitorAnswer): Promise<void>;
  /** Stops what a message caused. */
  stop(
    visitor: Visitor,
    stop: { readonly roomId: string; readonly messageId: string; readonly threadRootId?: string },
  ): Promise<void>;
  /** Those of the posts that this person may see, if they are a member of the rooms; that is for the caller to have looked up. */
  posts(visitor: Visitor, postIds: readonly string[]): Promise<readonly WebPostRecord[]>;
  statuses(organizationId: string, roomId: string): Promise<readonly WebAgentStatusRecord[]>;
  /** The bytes of an upload; undefined when it is gone or larger. */
  file(organizationId: string, uploadId: string, maxBytes: number): Promise<Uint8Array | undefined>;
  /** Calls `onChange` with the room of each change in any process, and `onGap` when some may have been missed. */
  listen(onChange: (roomId: string) => void, onGap: () => void): Promise<() => Promise<void>>;
}
