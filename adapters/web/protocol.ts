import { z } from "zod";
import { safeText } from "../../src/envelope/content.ts";
import { wireKey } from "../../src/envelope/ids.ts";
import {
  ApprovalRequestPart,
  ErrorPart,
  HandoffPart,
  InputRequestPart,
  StatusPart,
  TaskUpdatePart,
  TextPart,
  ToolCallPart,
  ToolResultPart,
} from "../../src/envelope/reply.ts";
import { RoomInvitations } from "./invitations-protocol.ts";

/**
 * The HTTP and WebSocket interface of the built-in web room, as its page and any other client see it.
 *
 * Rules for all of it: paths are below `/api/web`; bodies are JSON (the upload is multipart); every request but `sign-in` carries
 * the session cookie; a request that changes something needs the page's own `Origin`. A failure answers `ApiFailure`.
 * `seq` counts the changes of one room without gaps in commit order; a post keeps the `seq` of its making, `changeSeq` is its last change.
 *
 * | method and path | body | answer |
 * |---|---|---|
 * | POST /sign-in | SignInBody | MeAnswer, sets the cookie; 401 when the code is wrong, used or older than 15 minutes |
 * | GET /sign-in-options | – | `{ oidc: { label, url } or null }`, how people of an organization sign in beside links; no session needed |
 * | GET /oidc/start, /oidc/callback | – | the way to the organization's identity provider and back; no session needed |
 * | POST /sign-out | – | 204, ends this session and its sockets |
 * | GET /me | – | MeAnswer |
 * | PATCH /me | UpdateMeBody | MeAnswer |
 * | GET /sessions | – | SessionsAnswer, one's own |
 * | DELETE /sessions/:sessionId | – | 204, effective at once |
 * | GET /people | – | PeopleAnswer |
 * | PATCH /people/:personId | UpdatePersonBody | WebPerson; owner or admin |
 * | POST /people/:personId/sign-in-link | – | SignInLinkAnswer for a person who lost access; owner, or admin for members |
 * | POST /invites | InviteBody | SignInLinkAnswer for a new person; owner or admin |
 * | GET /agents | – | AgentsAnswer |
 * | GET /rooms | – | RoomsAnswer: joined rooms, direct messages, and public rooms that can be joined |
 * | POST /rooms | CreateRoomBody | WebRoom |
 * | GET /rooms/:roomId | – | WebRoom |
 * | PATCH /rooms/:roomId | UpdateRoomBody | WebRoom |
 * | POST /rooms/:roomId/join | – | WebRoom |
 * | POST /rooms/:roomId/leave | – | 204 |
 * | GET /rooms/:roomId/members | – | MembersAnswer |
 * | POST /rooms/:roomId/members | AddMemberBody | MembersAnswer |
 * | POST /rooms/:roomId/agents, DELETE …/:handle, POST …/:handle/take-over | InviteAgentBody | MembersAnswer; see `invitations-protocol.ts` |
 * | DELETE /rooms/:roomId/members/:personId | – | 204; room's creator, owner or admin |
 * | POST /direct | OpenDirectBody | WebRoom; the same room each time |
 * | GET /rooms/:roomId/messages | PageQuery in the query string | MessagesAnswer, oldest first |
 * | GET /rooms/:roomId/changes | ChangesQuery in the query string | ChangesAnswer: posts changed after a `changeSeq`, in that order |
 * | POST /rooms/:roomId/messages | CreatePostBody | PostAnswer; repeat with the same clientMessageId after any failure |
 * | GET /messages/:postId | – | WebPost |
 * | PATCH /messages/:postId | EditPostBody | WebPost; own posts |
 * | DELETE /messages/:postId | – | 204; own posts, or owner/admin |
 * | PUT /messages/:postId/reactions/:reaction | – | WebPost |
 * | DELETE /messages/:postId/reactions/:reaction | – | WebPost |
 * | POST /messages/:postId/actions | ActionBody | 202 `{}`; answers an approval or an input request |
 * | POST /rooms/:roomId/uploads | multipart, one file field | WebUpload; name it in a post's `uploadIds` |
 * | GET /uploads/:uploadId | – | the bytes |
 * | POST /rooms/:roomId/typing | TypingBody | 204 |
 * | PUT /rooms/:roomId/read | ReadBody | 204 |
 * | POST /rooms/:roomId/stop | StopBody | 202 `{}` |
 * | GET /rooms/:roomId/state | StateQuery in the query string | StateAnswer, for the workspace pane |
 * | GET /socket | WebSocket | ServerFrame out, ClientFrame in; see ServerFrame |
 */
export const WEB_API_PREFIX = "/api/web";
export const WEB_SOCKET_PATH = "/api/web/socket";
/** Longest text of one post, in UTF-16 code units. */
export const MAX_POST_CHARS = 16_000;
export const MAX_UPLOAD_BYTES = 25 * 1024 * 1024;
export const MAX_UPLOADS_PER_POST = 10;
/** Most posts in one page of messages or changes. */
export const MAX_PAGE_POSTS = 200;
/** Socket close codes of this application. */
export const SOCKET_CLOSE = { signedOut: 4401, tooFast: 4429, tooSlow: 4408, goingAway: 1001 } as const;

const Id = wireKey(128);
const Time = z.iso.datetime();
const Seq = z.number().int().nonnegative();
const QuerySeq = z.coerce.number().int().nonnegative();
const Limit = z.coerce.number().int().min(1).max(MAX_PAGE_POSTS).default(50);
const RoomName = z
  .string()
  .trim()
  .toLowerCase()
  .regex(/^[\p{L}\p{N}][\p{L}\p{N}_-]{0,63}$/u, "must be 1-64 letters, digits, - and _");
const PersonName = z
  .string()
  .trim()
  .min(1)
  .max(64)
  .regex(/^[^\p{C}@#<>]+$/u, "must not contain @, #, <, > or control characters");

/** Every failure: a code of the errors table, a sentence for people, and for 429 the pause to make. */
export const ApiFailure = z.object({
  error: z.object({
    code: z.string(),
    message: z.string(),
    retryAfterMs: z.number().int().optional(),
    issues: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  }),
});
export type ApiFailure = z.infer<typeof ApiFailure>;

export const Role = z.enum(["owner", "admin", "member"]);
export type Role = z.infer<typeof Role>;

export const WebPerson = z.object({
  id: Id,
  name: z.string(),
  role: Role,
  /** `#rrggbb`, stable per person. */
  color: z.string(),
  /** False once an admin took the person's access away; old posts keep the name. */
  active: z.boolean(),
  online: z.boolean(),
});
export type WebPerson = z.infer<typeof WebPerson>;

export const WebAgent = z.object({
  agentId: Id,
  handle: z.string(),
  name: z.string(),
  description: z.string(),
  color: z.string(),
  avatarUrl: z.string().optional(),
  /** Who answers for it. */
  owner: z.string().optional(),
  /** `not_set_up`: there is the agent, and it lacks what it needs to answer (a model). */
  status: z.enum(["active", "paused", "not_set_up"]),
  /** Whether it is there, of an agent that dials in; one that is away answers when it is back. */
  connection: z.enum(["connected", "away"]).optional(),
});
export type WebAgent = z.infer<typeof WebAgent>;

/** Commands that a post may begin with; anything else after a slash is plain text. */
export const WebCommand = z.object({ name: z.string(), usage: z.string(), description: z.string() });

export const SignInBody = z.strictObject({ code: z.string().min(16).max(128) });
export const UpdateMeBody = z.strictObject({ name: PersonName });
export const MeAnswer = z.object({
  person: WebPerson,
  organizationId: z.string(),
  sessionId: Id,
  commands: z.array(WebCommand),
  limits: z.object({ maxPostChars: z.number(), maxUploadBytes: z.number(), maxUploadsPerPost: z.number() }),
});
export type MeAnswer = z.infer<typeof MeAnswer>;

export const SessionsAnswer = z.object({
  sessions: z.array(
    z.object({
      id: Id,
      createdAt: Time,
      lastSeenAt: Time,
      expiresAt: Time,
      current: z.boolean(),
      userAgent: z.string(),
    }),
  ),
});
export const PeopleAnswer = z.object({ people: z.array(WebPerson) });
export const AgentsAnswer = z.object({ agents: z.array(WebAgent) });
export const InviteBody = z.strictObject({ name: PersonName, role: Role.default("member") });
/** The code is in the fragment, which browsers send to nobody; it works once. */
export const SignInLinkAnswer = z.object({ url: z.string(), expiresAt: Time });
export const UpdatePersonBody = z
  .strictObject({ role: Role.optional(), active: z.boolean().optional() })
  .refine((body) => body.role !== undefined || body.active !== undefined, "name what to change");

export const WebRoom = z.object({
  id: Id,
  kind: z.enum(["public", "private", "direct"]),
  /** For a direct message: the name of the other side. */
  name: z.string(),
  topic: z.string(),
  archived: z.boolean(),
  joined: z.boolean(),
  createdAt: Time,
  memberCount: z.number().int(),
  /** The other side of a direct message. */
  peer: z
    .discriminatedUnion("kind", [
      z.object({ kind: z.literal("person"), personId: Id }),
      z.object({ kind: z.literal("agent"), handle: z.string() }),
    ])
    .optional(),
  /** Number of the room's newest change. */
  lastSeq: Seq,
  /** One's own read mark; posts with a larger `seq` are unread. */
  readSeq: Seq,
  /** Unread top-level posts of others, counted up to 100. */
  unread: z.number().int(),
  /** Unread posts that name this person or everyone, counted up to 100. */
  unreadMentions: z.number().int(),
  /** What one may do here. */
  may: z.object({ post: z.boolean(), manage: z.boolean() }),
});
export type WebRoom = z.infer<typeof WebRoom>;
export const RoomsAnswer = z.object({ rooms: z.array(WebRoom) });
export const CreateRoomBody = z.strictObject({
  name: RoomName,
  kind: z.enum(["public", "private"]).default("public"),
  topic: safeText(250).default(""),
});
export const UpdateRoomBody = z
  .strictObject({ name: RoomName.optional(), topic: safeText(250).optional(), archived: z.boolean().optional() })
  .refine((body) => Object.values(body).some((value) => value !== undefined), "name what to change");
export const AddMemberBody = z.strictObject({ personId: Id });
export const OpenDirectBody = z.union([z.strictObject({ personId: Id }), z.strictObject({ agent: wireKey(64) })]);
/** Who is in the room now: people who joined, and the agents that are members of it, with whose invitations they are here by. */
export const MembersAnswer = z.object({ people: z.array(WebPerson), agents: z.array(WebAgent), ...RoomInvitations });

export const WebUpload = z.object({
  id: Id,
  name: z.string(),
  mediaType: z.string(),
  /** `image` only when the bytes are a PNG, JPEG, GIF or WebP; only those are served for display, all else as a download. */
  kind: z.enum(["image", "file"]),
  sizeBytes: z.number().int(),
  /** Path below the same origin. */
  url: z.string(),
});
export type WebUpload = z.infer<typeof WebUpload>;

/** A file an agent made, stored as an upload. */
export const WebArtifactPart = z.object({
  type: z.literal("artifact"),
  artifactId: z.string(),
  fallbackText: z.string().optional(),
  upload: WebUpload,
});
/** A part of an agent's reply as the page gets it: the envelope's parts, with files by reference. */
export const WebPart = z.discriminatedUnion("type", [
  TextPart,
  ToolCallPart,
  ToolResultPart,
  StatusPart,
  TaskUpdatePart,
  ApprovalRequestPart,
  InputRequestPart,
  WebArtifactPart,
  ErrorPart,
  HandoffPart,
]);
export type WebPart = z.infer<typeof WebPart>;

export const WebAuthor = z.object({
  kind: z.enum(["person", "agent", "system"]),
  id: Id,
  name: z.string(),
  color: z.string(),
  handle: z.string().optional(),
  avatarUrl: z.string().optional(),
});
export type WebAuthor = z.infer<typeof WebAuthor>;

export const WebPost = z.object({
  id: Id,
  roomId: Id,
  /** The first post of the thread this one is in; null in the room itself. */
  threadRootId: Id.nullable(),
  seq: Seq,
  changeSeq: Seq,
  author: WebAuthor,
  /** Markdown. For an agent's post the plain-text fallback of its parts; empty once deleted. */
  text: z.string(),
  /** An agent's reply part by part; absent on posts of people. While `state` is streaming, `text` grows and parts are absent. */
  parts: z.array(WebPart).optional(),
  state: z.enum(["final", "streaming"]),
  /** True when only this person sees it (an answer to a command, and the command itself). */
  ephemeral: z.boolean(),
  uploads: z.array(WebUpload),
  /** Whom the post notifies; names in the text beyond these are only text. */
  mentions: z.object({ personIds: z.array(Id), agentHandles: z.array(z.string()), everyone: z.boolean() }),
  reactions: z.array(z.object({ reaction: z.string(), personIds: z.array(Id), agentHandles: z.array(z.string()) })),
  /** What people answered to the post's approvals and input requests, oldest first; whether it counts is the agent's side to say. */
  answers: z.array(
    z.object({ actionId: z.string(), value: z.string().optional(), personId: Id, personName: z.string(), at: Time }),
  ),
  /** Present on a post that has a thread. */
  thread: z.object({ replyCount: z.number().int(), lastReplyAt: Time }).optional(),
  revision: z.number().int(),
  createdAt: Time,
  editedAt: Time.nullable(),
  deletedAt: Time.nullable(),
  /** On one's own posts, so that the page can replace what it showed in advance. */
  clientMessageId: z.string().optional(),
});
export type WebPost = z.infer<typeof WebPost>;

/** At most one of `before` and `after` (exclusive); neither gives the newest. `thread` pages one thread, its first post included. */
export const PageQuery = z.strictObject({
  before: QuerySeq.optional(),
  after: QuerySeq.optional(),
  thread: Id.optional(),
  limit: Limit,
});
export const MessagesAnswer = z.object({ posts: z.array(WebPost), hasMore: z.boolean(), lastSeq: Seq });
export const ChangesQuery = z.strictObject({ after: QuerySeq, limit: Limit });
/** `cursor` goes into the next request's `after`. Deleted posts are in it with `deletedAt`. */
export const ChangesAnswer = z.object({ posts: z.array(WebPost), cursor: Seq, hasMore: z.boolean() });

export const CreatePostBody = z
  .strictObject({
    /** Made by the client, unique per person; a repeat returns the post that exists. */
    clientMessageId: wireKey(64).min(8),
    text: z.string().max(MAX_POST_CHARS).default(""),
    threadRootId: Id.optional(),
    uploadIds: z.array(Id).max(MAX_UPLOADS_PER_POST).default([]),
  })
  .refine((body) => body.text.trim() !== "" || body.uploadIds.length > 0, "a post needs text or a file");
export const PostAnswer = z.object({ post: WebPost, duplicate: z.boolean() });
export const EditPostBody = z.strictObject({ text: z.string().min(1).max(MAX_POST_CHARS) });
export const Reaction = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[^\s\p{Cc}\p{Cs}/]+$/u, "must be one emoji or its name");
export const ActionBody = z.strictObject({
  clientActionId: wireKey(64).min(8),
  /** The part's `approvalId` or `inputId`. */
  actionId: wireKey(128),
  /** For an approval: the id of the option that was chosen. */
  value: safeText(256).optional(),
  /** For an input request: field id to value. */
  fields: z.record(wireKey(64), safeText(8_000)).default({}),
});
export const TypingBody = z.strictObject({ threadRootId: Id.optional() });
export const ReadBody = z.strictObject({ seq: Seq });
/** Without `messageId`, everything that agents do in the room or thread is stopped. */
export const StopBody = z.strictObject({ threadRootId: Id.optional(), messageId: Id.optional() });

/** An agent at work; an empty `line` in a frame means that it ended. */
export const TurnStatus = z.object({
  roomId: Id,
  threadRootId: Id.nullable(),
  agent: WebAgent.pick({ agentId: true, handle: true, name: true, color: true, avatarUrl: true }),
  line: z.string(),
});
export type TurnStatus = z.infer<typeof TurnStatus>;
export const StateQuery = z.strictObject({ thread: Id.optional() });
/** What the workspace pane shows: the newest state of each task and the open questions of the last 200 agent posts of the room. */
export const StateAnswer = z.object({
  turns: z.array(TurnStatus),
  tasks: z.array(z.object({ postId: Id, agentHandle: z.string(), task: TaskUpdatePart, at: Time })),
  approvals: z.array(z.object({ postId: Id, agentHandle: z.string(), approval: ApprovalRequestPart, at: Time })),
  artifacts: z.array(z.object({ postId: Id, agentHandle: z.string(), artifact: WebArtifactPart, at: Time })),
});

const RoomSeqs = z.array(z.object({ roomId: Id, lastSeq: Seq }));

/**
 * What the server sends. To lose nothing: keep the largest `changeSeq` per room; whenever `hello` or `sync` names a larger `lastSeq`
 * for a joined room, read `/changes?after=` until it is reached. Frames may repeat; a post with a smaller `changeSeq` than the
 * one held is old. `sync` comes every 15 s, so 40 s of silence mean a dead connection.
 */
export const ServerFrame = z.discriminatedUnion("type", [
  z.object({ type: z.literal("hello"), personId: Id, rooms: RoomSeqs }),
  z.object({ type: z.literal("sync"), rooms: RoomSeqs }),
  /** The post as it is now. `reaction` also stands for an answer to an action; `thread` for a changed reply count. */
  z.object({
    type: z.literal("post"),
    change: z.enum(["created", "edited", "deleted", "reaction", "thread"]),
    post: WebPost,
  }),
  /** Live text of a streaming post: keep the first `offset` UTF-16 units and append `text`. If fewer are held, GET the post. */
  z.object({
    type: z.literal("preview"),
    roomId: Id,
    threadRootId: Id.nullable(),
    postId: Id,
    offset: Seq,
    text: z.string(),
  }),
  /** A room that appeared, changed or was joined, as it is for this person. */
  z.object({ type: z.literal("room"), room: WebRoom }),
  /** A room this person can no longer read. */
  z.object({ type: z.literal("room_removed"), roomId: Id }),
  z.object({ type: z.literal("member"), roomId: Id, change: z.enum(["joined", "left"]), person: WebPerson }),
  /** A person who is new or has another name, role or access. */
  z.object({ type: z.literal("person"), person: WebPerson }),
  z.object({ type: z.literal("agents"), agents: z.array(WebAgent) }),
  /** Show it for 6 s. */
  z.object({ type: z.literal("typing"), roomId: Id, threadRootId: Id.nullable(), personId: Id, name: z.string() }),
  z.object({ type: z.literal("presence"), personId: Id, online: z.boolean() }),
  z.object({ type: z.literal("turn"), turn: TurnStatus }),
  /** The read mark was moved, perhaps in another window. */
  z.object({ type: z.literal("read"), roomId: Id, seq: Seq }),
  z.object({ type: z.literal("error"), code: z.string(), message: z.string() }),
]);
export type ServerFrame = z.infer<typeof ServerFrame>;

/** What a client may send over the socket (64 KiB, 10 a second, bursts of 50); everything else goes by HTTP. */
export const ClientFrame = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("typing"), roomId: Id, threadRootId: Id.optional() }),
]);
export type ClientFrame = z.infer<typeof ClientFrame>;
