import { expectKeys, request } from "./http.ts";
import type {
  ActionBody,
  ChangesAnswer,
  ExplanationAnswer,
  MeAnswer,
  MembersAnswer,
  MessagesAnswer,
  Role,
  SignInLinkAnswer,
  StateAnswer,
  WebAgent,
  WebPerson,
  WebPost,
  WebRoom,
  WebSession,
} from "./protocol.ts";

const POST_KEYS = ["id", "roomId", "seq", "changeSeq", "author", "text"] as const;
const ROOM_KEYS = ["id", "kind", "name", "lastSeq", "may"] as const;
const ME_KEYS = ["person", "commands", "limits"] as const;

const room = (body: unknown) => expectKeys<WebRoom>(body, ROOM_KEYS);
const post = (body: unknown) => expectKeys<WebPost>(body, POST_KEYS);
const me = (body: unknown) => expectKeys<MeAnswer>(body, ME_KEYS);
const link = (body: unknown) => expectKeys<SignInLinkAnswer>(body, ["url", "expiresAt"]);
const members = (body: unknown) => expectKeys<MembersAnswer>(body, ["people", "agents", "invitations", "mayInvite"]);
const id = encodeURIComponent;

/** The identity provider of an organization, and where the way to it begins. */
export interface SignInProvider {
  readonly label: string;
  readonly url: string;
}

export interface NewPost {
  readonly clientMessageId: string;
  readonly text: string;
  readonly threadRootId?: string;
  readonly uploadIds: readonly string[];
}

/** Every call of the web room's HTTP interface that the page makes; each throws ApiError. */
export const webApi = {
  signIn: async (code: string) => me(await request("/sign-in", { method: "POST", body: { code } })),
  signInOptions: async (organization: string | undefined) =>
    expectKeys<{ oidc: SignInProvider | null }>(await request("/sign-in-options", { query: { organization } }), [
      "oidc",
    ]).oidc ?? undefined,
  signOut: async () => void (await request("/sign-out", { method: "POST" })),
  me: async () => me(await request("/me")),
  renameMe: async (name: string) => me(await request("/me", { method: "PATCH", body: { name } })),
  sessions: async () => expectKeys<{ sessions: WebSession[] }>(await request("/sessions"), ["sessions"]).sessions,
  endSession: async (sessionId: string) => void (await request(`/sessions/${id(sessionId)}`, { method: "DELETE" })),
  people: async () => expectKeys<{ people: WebPerson[] }>(await request("/people"), ["people"]).people,
  agents: async () => expectKeys<{ agents: WebAgent[] }>(await request("/agents"), ["agents"]).agents,
  invite: async (name: string, role: Role) => link(await request("/invites", { method: "POST", body: { name, role } })),

  rooms: async () => expectKeys<{ rooms: WebRoom[] }>(await request("/rooms"), ["rooms"]).rooms,
  createRoom: async (body: { name: string; kind: "public" | "private"; topic: string }) =>
    room(await request("/rooms", { method: "POST", body })),
  updateRoom: async (roomId: string, body: { name?: string; topic?: string; archived?: boolean }) =>
    room(await request(`/rooms/${id(roomId)}`, { method: "PATCH", body })),
  joinRoom: async (roomId: string) => room(await request(`/rooms/${id(roomId)}/join`, { method: "POST" })),
  leaveRoom: async (roomId: string) => void (await request(`/rooms/${id(roomId)}/leave`, { method: "POST" })),
  openDirect: async (to: { personId: string } | { agent: string }) =>
    room(await request("/direct", { method: "POST", body: to })),
  members: async (roomId: string) => members(await request(`/rooms/${id(roomId)}/members`)),
  addMember: async (roomId: string, personId: string) =>
    members(await request(`/rooms/${id(roomId)}/members`, { method: "POST", body: { personId } })),
  inviteAgent: async (roomId: string, agent: string) =>
    members(await request(`/rooms/${id(roomId)}/agents`, { method: "POST", body: { agent } })),
  uninviteAgent: async (roomId: string, handle: string) =>
    members(await request(`/rooms/${id(roomId)}/agents/${id(handle)}`, { method: "DELETE" })),
  takeOverAgent: async (roomId: string, handle: string) =>
    members(await request(`/rooms/${id(roomId)}/agents/${id(handle)}/take-over`, { method: "POST" })),
  removeMember: async (roomId: string, personId: string) =>
    void (await request(`/rooms/${id(roomId)}/members/${id(personId)}`, { method: "DELETE" })),

  messages: async (roomId: string, query: { before?: number; thread?: string; limit?: number }) =>
    expectKeys<MessagesAnswer>(await request(`/rooms/${id(roomId)}/messages`, { query }), [
      "posts",
      "hasMore",
      "lastSeq",
    ]),
  changes: async (roomId: string, after: number) =>
    expectKeys<ChangesAnswer>(await request(`/rooms/${id(roomId)}/changes`, { query: { after, limit: 200 } }), [
      "posts",
      "cursor",
      "hasMore",
    ]),
  createPost: async (roomId: string, body: NewPost) =>
    expectKeys<{ post: WebPost }>(await request(`/rooms/${id(roomId)}/messages`, { method: "POST", body }), ["post"])
      .post,
  post: async (postId: string) => post(await request(`/messages/${id(postId)}`)),
  explanation: async (postId: string) =>
    expectKeys<ExplanationAnswer>(await request(`/messages/${id(postId)}/explanation`), [
      "state",
      "steps",
      "auditRecords",
    ]),
  editPost: async (postId: string, text: string) =>
    post(await request(`/messages/${id(postId)}`, { method: "PATCH", body: { text } })),
  deletePost: async (postId: string) => void (await request(`/messages/${id(postId)}`, { method: "DELETE" })),
  react: async (postId: string, reaction: string, on: boolean) =>
    post(await request(`/messages/${id(postId)}/reactions/${id(reaction)}`, { method: on ? "PUT" : "DELETE" })),
  act: async (postId: string, body: ActionBody) =>
    void (await request(`/messages/${id(postId)}/actions`, { method: "POST", body })),
  read: async (roomId: string, seq: number) =>
    void (await request(`/rooms/${id(roomId)}/read`, { method: "PUT", body: { seq } })),
  stop: async (roomId: string, body: { threadRootId?: string; messageId?: string }) =>
    void (await request(`/rooms/${id(roomId)}/stop`, { method: "POST", body })),
  state: async (roomId: string) =>
    expectKeys<StateAnswer>(await request(`/rooms/${id(roomId)}/state`), ["turns", "tasks", "approvals", "artifacts"]),
};

export type WebApi = typeof webApi;
