import type { AgentIdentity, Target } from "../../src/contracts/adapter.ts";
import type { DirectQuery, PrivateReply } from "../../src/contracts/adapter-features.ts";
import type { ConversationPath } from "../../src/envelope/conversation.ts";
import { ParleyError, toParleyError } from "../../src/errors/parley-error.ts";
import { abortableSleep } from "../shared/abortable-sleep.ts";
import { KeyedQueue } from "../shared/keyed-queue.ts";
import type { Account } from "./account.ts";
import type { Served } from "./accounts.ts";
import { clientPath } from "./client.ts";
import { listDirectRoom } from "./direct-list.ts";
import { asRoomId } from "./matrix-ids.ts";
import type { Outbound } from "./outbound.ts";
import { judgePrivateRoom, type PrivatePair, privateRoomRequest } from "./private-room.ts";
import { asRecord, asString } from "./raw.ts";
import { renderReply } from "./render.ts";
import { RoomState } from "./room-state.ts";
import { STRICT_AGE_MS } from "./rooms.ts";

const ROW_PREFIX = "private/";
/** How long a person whom a reply has just invited is waited for, in ms; the caller may try again afterwards. */
const JOIN_PATIENCE_MS = 6_000;
const LOOK_EVERY_MS = 500;

export interface PrivateTools {
  readonly need: (installationId: string) => Promise<Served>;
  readonly outbound: Outbound;
  readonly linkHosts: readonly string[];
}

/** The room of one agent and one person, with the reply for which the person was last invited: nobody is invited twice for one reply. */
interface KnownRoom {
  readonly roomId: string;
  readonly invitedFor: string;
}

interface Meeting extends PrivatePair {
  readonly account: Account;
  readonly identity: AgentIdentity;
  /** The puppet that acts; undefined for the account itself. */
  readonly asUser: string | undefined;
  readonly key: string;
  readonly reply: string;
  readonly signal: AbortSignal;
}

/**
 * Shows replies to one person alone, in a direct room of the agent and that person: in any other room everybody sees everything.
 *
 * The room is made and the person invited when it is first needed; until they have joined, showing rejects with PLATFORM_UNAVAILABLE, `not_sent`. Who
 * is in it is asked of the homeserver before each message: with anybody else in it or invited to it nothing is said there any more.
 */
export class PrivateReplies {
  readonly #tools: PrivateTools;
  readonly #order = new KeyedQueue();

  constructor(tools: PrivateTools) {
    this.#tools = tools;
  }

  async show(reply: PrivateReply): Promise<void> {
    const { target, identity, personId, signal } = reply;
    const { meeting, roomId } = await this.#meetIn(reply).catch((thrown: unknown) => {
      throw unsent(thrown);
    });
    const conversation = directPath(target, roomId);
    const posts = renderReply(reply.parts, { identity, conversation, mentionable: [] }, this.#tools.linkHosts);
    for (const [index, post] of posts.entries()) {
      const idempotencyKey = `${reply.idempotencyKey}:${index}`;
      try {
        if ((await standing(meeting, roomId).catch((thrown: unknown) => Promise.reject(unsent(thrown)))) !== "alone")
          throw notAlone();
        const place = { ...target, conversation, askerId: personId };
        await this.#tools.outbound.send({ ...post, target: place, identity, idempotencyKey, signal });
      } catch (thrown) {
        const error = toParleyError(thrown, "PLATFORM_OUTCOME_UNKNOWN");
        if (index === 0) throw error;
        throw new ParleyError(error.code, { detail: error.detail ?? error.code, cause: error, delivery: "unknown" });
      }
    }
  }

  /** The room in which the two are alone, for what is said there later. */
  async open(query: DirectQuery): Promise<ConversationPath> {
    const { roomId } = await this.#meet(query).catch((thrown: unknown) => {
      throw unsent(thrown);
    });
    return directPath(query.target, roomId);
  }

  /** Nobody is spoken to about a room in which they are not. */
  async #meetIn(reply: PrivateReply) {
    const { account } = await this.#tools.need(reply.target.installationId);
    await requireMember(account, reply.target.conversation.channel.id, reply.personId);
    return await this.#meet(reply);
  }

  async #meet({ target, identity, personId, idempotencyKey, signal }: DirectQuery) {
    const { account, puppets } = await this.#tools.need(target.installationId);
    if (account.isOwn(personId))
      throw new ParleyError("TARGET_NOT_FOUND", { detail: "that is an account of Parley's own", ...UNSENT });
    const asUser = await puppets.accountOf(identity);
    const meeting: Meeting = {
      account,
      identity,
      asUser,
      actorId: asUser ?? account.userId,
      personId,
      encrypted: account.encrypts,
      key: `${ROW_PREFIX}${identity.agentId}/${personId}`,
      reply: idempotencyKey,
      signal,
    };
    return { meeting, roomId: await this.#order.run(`${account.installationId} ${meeting.key}`, () => enter(meeting)) };
  }
}

function directPath({ conversation }: Target, roomId: string): ConversationPath {
  return { space: conversation.space, channel: { id: roomId, kind: "direct", external: false } };
}

/** The room in which both are now; rejects while the person is not there. */
async function enter(meeting: Meeting): Promise<string> {
  const known = await readKnown(meeting);
  if (known === undefined) return await waitFor(meeting, await open(meeting));
  const now = await standing(meeting, known.roomId);
  if (now === "alone") return known.roomId;
  const again = known.invitedFor === meeting.reply;
  if (now === "unfit") {
    if (again) throw notAlone();
    return await waitFor(meeting, await open(meeting));
  }
  if (now === "invited" && again) throw notThere();
  if (now === "left") {
    if (again)
      throw new ParleyError("PLATFORM_FORBIDDEN", { detail: "the person declined to be spoken to alone", ...UNSENT });
    await invite(meeting, known.roomId);
  }
  await keep(meeting, known.roomId);
  return await waitFor(meeting, known.roomId);
}

const UNSENT = { delivery: "not_sent" } as const;

async function waitFor(meeting: Meeting, roomId: string): Promise<string> {
  const endMs = performance.now() + JOIN_PATIENCE_MS;
  for (;;) {
    const now = await standing(meeting, roomId);
    if (now === "alone") return roomId;
    if (now === "unfit") throw notAlone();
    if (now === "left" || performance.now() > endMs || meeting.signal.aborted) throw notThere();
    await abortableSleep(LOOK_EVERY_MS, meeting.signal).catch(() => undefined);
  }
}

/** Makes the room and invites the person; one process at a time, so that two replies at once make one room. */
async function open(meeting: Meeting): Promise<string> {
  const { account, asUser, identity, key, signal } = meeting;
  const before = await readKnown(meeting);
  const lease = await account.sink.state.lease(account.installationId, key);
  if (lease === undefined)
    throw new ParleyError("PLATFORM_UNAVAILABLE", { detail: "another process is making the direct room", ...UNSENT });
  try {
    const known = await readKnown(meeting);
    if (known !== undefined && known.roomId !== before?.roomId) return known.roomId;
    const answer = await account.call({
      method: "POST",
      label: "create room",
      path: clientPath("createRoom"),
      body: privateRoomRequest(meeting, identity.handle),
      asUser,
      signal,
    });
    const roomId = asRoomId(answer["room_id"]);
    if (roomId === undefined)
      throw new ParleyError("PLATFORM_UNAVAILABLE", { detail: "the homeserver's answer names no room", ...UNSENT });
    await keep(meeting, roomId);
    if (asUser !== undefined) account.rooms.noteReader(roomId, asUser);
    await account.rooms.markDirect(roomId);
    await listDirectRoom(account, meeting.personId, roomId);
    return roomId;
  } finally {
    await lease.release();
  }
}

/** As a membership event: the call that only invites cannot say that the room is a direct message. */
async function invite({ account, asUser, personId, signal }: Meeting, roomId: string): Promise<void> {
  const path = clientPath("rooms", roomId, "state", "m.room.member", personId);
  const body = { membership: "invite", is_direct: true };
  await account.call({ method: "PUT", label: "invite", path, body, asUser, signal });
}

/** How the room stands, asked of the homeserver and not of memory. A room that the agent's account cannot look into is unfit. */
async function standing(meeting: Meeting, roomId: string): Promise<ReturnType<typeof judgePrivateRoom>> {
  const { account, asUser, personId, signal } = meeting;
  const state = new RoomState(roomId);
  try {
    const path = clientPath("rooms", roomId, "state");
    const call = account.client.list({ method: "GET", label: "room state", path, asUser, signal });
    for (const value of await account.guarded("room state", undefined, call, signal)) {
      const event = asRecord(value);
      if (event !== undefined) state.take(event);
    }
  } catch (error) {
    const { code } = toParleyError(error);
    if (code === "PLATFORM_FORBIDDEN" || code === "TARGET_NOT_FOUND") return "unfit";
    throw error;
  }
  const verdict = judgePrivateRoom(state, meeting);
  if (verdict !== "alone" || account.crypto === undefined) return verdict;
  // Who gets the keys is known by sync: somebody whom it did not bring yet could not read the message.
  const synced = (await account.rooms.ensure(roomId)).member(personId)?.membership;
  return synced === "join" ? "alone" : "invited";
}

async function requireMember(account: Account, roomId: string, personId: string): Promise<void> {
  const state = await account.rooms.ensure(roomId, STRICT_AGE_MS);
  if (!account.rooms.isLoaded(roomId))
    throw new ParleyError("PLATFORM_UNAVAILABLE", { detail: "the room's state could not be read", ...UNSENT });
  if (state.member(personId)?.membership !== "join")
    throw new ParleyError("TARGET_NOT_FOUND", { detail: "the person is not in the room", ...UNSENT });
}

async function readKnown({ account, key }: Meeting): Promise<KnownRoom | undefined> {
  const row = (await account.sink.state.read(account.installationId, key)).get(key);
  if (row === undefined) return undefined;
  const raw = asRecord(JSON.parse(Buffer.from(row).toString("utf8")));
  const roomId = asRoomId(raw?.["roomId"]);
  return roomId === undefined ? undefined : { roomId, invitedFor: asString(raw?.["invitedFor"]) ?? "" };
}

async function keep({ account, key, reply }: Meeting, roomId: string): Promise<void> {
  const known: KnownRoom = { roomId, invitedFor: reply };
  const row = new Map([[key, Buffer.from(JSON.stringify(known), "utf8")]]);
  await account.sink.state.write(account.installationId, row);
}

function notThere(): ParleyError {
  return new ParleyError("PLATFORM_UNAVAILABLE", {
    detail: "the person has not joined the direct room yet",
    ...UNSENT,
  });
}

function notAlone(): ParleyError {
  return new ParleyError("PLATFORM_FORBIDDEN", { detail: "the direct room is not the person's alone", ...UNSENT });
}

/** Whatever went wrong before the first message: nothing was shown, and what may be over soon may be tried again. */
function unsent(thrown: unknown): ParleyError {
  const fault = toParleyError(thrown, "PLATFORM_UNAVAILABLE");
  // The caller's time being over says nothing against another try.
  if (fault.delivery === "not_sent" && fault.code !== "TURN_CANCELLED") return fault;
  const { detail = fault.code, facts } = fault;
  return new ParleyError("PLATFORM_UNAVAILABLE", { detail, cause: fault, facts, ...UNSENT });
}
