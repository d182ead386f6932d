import { createHash } from "node:crypto";
import type { PolicyBook } from "../../access/policy-book.ts";
import type {
  OutsideAddress,
  OutsideCaller,
  OutsideMessage,
  OutsidePush,
  OutsideTarget,
  OutsideTask,
  OutsideTasks,
} from "../../contracts/outside-tasks.ts";
import type { WebPersonRecord, WebRoomView } from "../../contracts/web-room-records.ts";
import type { RoomVisitors } from "../../contracts/web-visitor.ts";
import { ParleyError } from "../../errors/parley-error.ts";
import { stillTalks } from "../../ledger/api-tokens.ts";
import { appendAudit } from "../../ledger/audit-log.ts";
import type { Tenants } from "../../ledger/connection/tenant-database.ts";
import {
  findOutsideContext,
  findOutsideMessage,
  findOutsideTask,
  insertOutsideMessage,
  listOutsideTasks,
  type OutsideTaskRow,
  readOutsideProgress,
  storeOutsidePush,
} from "../../ledger/outside-tasks.ts";
import type { SecretBox, SecretPlace } from "../../ledger/secret-box.ts";
import type { Directory, DirectoryAgent } from "../directory.ts";
import type { ChangeBell } from "./change-bell.ts";
import { AGENT_PAUSED, mayTalk } from "./may-talk.ts";
import { readAnswer } from "./read-answer.ts";
import { ENDED, RESTING, toOutsideTask } from "./task-state.ts";

/** How long a change may go unnoticed, in ms: while something happens, and while nothing does. It also bounds how long an ended token is served. */
const BUSY_LOOK_MS = 200;
const QUIET_LOOK_MS = 800;
/** How long an answer to a question may take to be decided, in ms; then the caller sees that the question is still open. */
const DECISION_WAIT_MS = 5_000;
const CANCEL_WAIT_MS = 5_000;

export interface OutsideTasksOptions {
  readonly tenant: Tenants;
  readonly visitors: RoomVisitors;
  readonly directory: Directory;
  readonly policies: PolicyBook;
  readonly box: SecretBox;
  readonly bell: ChangeBell;
}

interface Place {
  readonly person: WebPersonRecord;
  readonly agent: DirectoryAgent | undefined;
  readonly room: WebRoomView | undefined;
}

/** Tasks of callers from outside: what they say goes into the web rooms as their person's posts, and what becomes of it is read from the ledger. */
export function createOutsideTasks(options: OutsideTasksOptions): OutsideTasks {
  const { tenant, visitors, directory, policies, box, bell } = options;

  async function requireTalks(caller: OutsideCaller): Promise<void> {
    if (await stillTalks(tenant(caller.organizationId), caller.tokenId, caller.since)) return;
    throw new ParleyError("UNAUTHENTICATED", { detail: "the token has ended" });
  }

  async function personOf(caller: OutsideCaller): Promise<WebPersonRecord> {
    const person = await visitors.person(caller);
    if (person !== undefined) return person;
    return await deny(caller, "person_without_access", {});
  }

  /** What may not be is as if it were not there, to the caller; the audit log knows better. That an agent is paused is for those who may talk with it. */
  async function deny(caller: OutsideCaller, rule: string, about: Readonly<Record<string, string>>): Promise<never> {
    await appendAudit(tenant(caller.organizationId), caller.organizationId, [
      { what: "denied", by: `token:${caller.tokenId}`, asker: caller.personId, action: "talk", rule, ...about },
    ]);
    if (rule === AGENT_PAUSED)
      throw new ParleyError("CONFLICT", { detail: "the agent is paused and takes no messages for now" });
    throw new ParleyError("NOT_FOUND", { detail: "there is no such agent or room" });
  }

  async function decide(caller: OutsideCaller, place: Place, about: Readonly<Record<string, string>>): Promise<void> {
    const installationId = await visitors.installationOf(caller.organizationId);
    const { person, room, agent } = place;
    const decision = mayTalk(person, { installationId, room, agent }, policies.of(caller.organizationId));
    if (!decision.allowed) await deny(caller, decision.rule, about);
  }

  async function placeOf(caller: OutsideCaller, address: OutsideAddress): Promise<Place> {
    const person = await personOf(caller);
    const rooms = await visitors.rooms(caller);
    if ("agent" in address) {
      const agent = directory.list(caller.organizationId).find((one) => one.handle === address.agent);
      if (agent === undefined) return await deny(caller, "no_such_agent", { agent: address.agent.slice(0, 64) });
      const place = { person, agent, room: rooms.find((room) => room.agentHandle === agent.handle) };
      await decide(caller, place, { agent: agent.handle });
      return place;
    }
    const wanted = address.room.toLowerCase();
    const room = rooms.find((one) => one.kind !== "direct" && one.name.toLowerCase() === wanted);
    if (room === undefined) return await deny(caller, "not_a_member", { room: address.room.slice(0, 128) });
    await decide(caller, { person, agent: undefined, room }, { channel: room.roomId });
    return { person, agent: undefined, room };
  }

  async function rowOf(caller: OutsideCaller, taskId: string): Promise<OutsideTaskRow> {
    const row = await findOutsideTask(tenant(caller.organizationId), caller.tokenId, taskId);
    if (row === undefined) throw noSuchTask();
    return row;
  }

  async function readRow(caller: OutsideCaller, row: OutsideTaskRow): Promise<OutsideTask> {
    const { organizationId } = caller;
    // Who left the room sees nothing of it any more, whatever they said there.
    if ((await visitors.room(caller, row.room_id)) === undefined) throw noSuchTask();
    const installationId = await visitors.installationOf(organizationId);
    const progress = await readOutsideProgress(tenant(organizationId), {
      organizationId,
      taskId: row.id,
      installationId,
      roomId: row.room_id,
    });
    if (progress === undefined) throw noSuchTask();
    const [posts, statuses] = await Promise.all([
      visitors.posts(caller, progress.posts),
      visitors.statuses(organizationId, row.room_id),
    ]);
    const agents = new Set(progress.turns.flatMap((turn) => (turn.finished ? [] : [turn.agentId])));
    const status = statuses.find(({ agentId }) => agents.has(agentId))?.line;
    return toOutsideTask(row, progress, posts, status);
  }

  async function read(caller: OutsideCaller, taskId: string): Promise<OutsideTask> {
    await personOf(caller);
    return await readRow(caller, await rowOf(caller, taskId));
  }

  async function* watch(caller: OutsideCaller, taskId: string, signal: AbortSignal): AsyncGenerator<OutsideTask> {
    const row = await rowOf(caller, taskId);
    let shown: string | undefined;
    let quietLooks = 0;
    while (!signal.aborted) {
      await requireTalks(caller);
      const task = await readRow(caller, row);
      const seen = JSON.stringify(task);
      quietLooks = seen === shown ? quietLooks + 1 : 0;
      if (seen !== shown) yield task;
      shown = seen;
      if (RESTING.has(task.state)) return;
      await bell.next(row.room_id, quietLooks > 20 ? QUIET_LOOK_MS : BUSY_LOOK_MS, signal);
    }
  }

  /** Waits for a task to come to rest, or for the condition, within a time. */
  async function settled(
    caller: OutsideCaller,
    taskId: string,
    waitMs: number,
    isEnough: (task: OutsideTask) => boolean,
  ): Promise<OutsideTask> {
    const until = performance.now() + waitMs;
    const signal = AbortSignal.timeout(waitMs);
    for (;;) {
      const task = await read(caller, taskId);
      if (isEnough(task) || performance.now() >= until) return task;
      await bell.next(task.roomId, BUSY_LOOK_MS, signal);
    }
  }

  async function send(caller: OutsideCaller, address: OutsideAddress, message: OutsideMessage): Promise<OutsideTask> {
    const { organizationId, tokenId } = caller;
    const sql = tenant(organizationId);
    const place = await placeOf(caller, address);
    const known = await findOutsideMessage(sql, tokenId, message.messageId);
    if (known !== undefined) {
      const task = await read(caller, known);
      if (task.roomId === place.room?.roomId) return task;
      throw new ParleyError("REQUEST_INVALID", { detail: "the messageId was used for another agent or room" });
    }
    const before = message.taskId === undefined ? undefined : await read(caller, message.taskId);
    if (before !== undefined && ENDED.has(before.state))
      throw new ParleyError("CONFLICT", { detail: "the task is over and takes no more messages" });
    if (before !== undefined && message.contextId !== undefined && message.contextId !== before.contextId)
      throw new ParleyError("REQUEST_INVALID", { detail: "the task is of another context" });
    const room = await roomOf(caller, place, before?.roomId);
    const key = createHash("sha256").update(`${tokenId}|${message.messageId}`).digest("hex");
    const base = { organizationId, tokenId, messageId: message.messageId, roomId: room.roomId };
    if (before !== undefined && before.questions.length > 0) {
      const answer = readAnswer(before.questions, message);
      await visitors.answer(caller, { ...answer, repeatKey: `a2a_${key.slice(0, 40)}` });
      const row = { ...base, taskId: before.id, contextId: before.contextId, postId: undefined, seq: undefined };
      await sql.transaction((tx) => insertOutsideMessage(tx, row));
      const isAnswered = (task: OutsideTask): boolean =>
        !task.questions.some(({ actionId }) => actionId === answer.actionId);
      return await settled(caller, before.id, DECISION_WAIT_MS, isAnswered);
    }
    const contextId = before?.contextId ?? message.contextId;
    const thread = contextId === undefined ? undefined : await threadOf(caller, contextId, room);
    const { post } = await visitors.post(caller, {
      roomId: room.roomId,
      text: message.text,
      files: message.files,
      repeatKey: `a2a|${key}`,
      ...(thread === undefined ? {} : { threadRootId: thread }),
    });
    const taskId = before?.id ?? `task_${key.slice(0, 32)}`;
    const row = {
      ...base,
      taskId,
      contextId: contextId ?? contextOf(room, post.postId),
      postId: post.postId,
      seq: post.seq,
    };
    await sql.transaction((tx) => insertOutsideMessage(tx, row));
    return await read(caller, taskId);
  }

  async function roomOf(caller: OutsideCaller, place: Place, ofTask: string | undefined): Promise<WebRoomView> {
    const { agent } = place;
    const roomId =
      place.room?.roomId ?? (agent === undefined ? undefined : await visitors.openDirect(caller, agent.identity));
    const room = roomId === undefined ? undefined : await visitors.room(caller, roomId);
    if (room === undefined || (ofTask !== undefined && ofTask !== room.roomId)) throw noSuchTask();
    if (place.room === undefined) await decide(caller, { ...place, room }, { channel: room.roomId });
    return room;
  }

  /** A direct message is one context; in a room each first post begins one, which goes on in its thread. */
  async function threadOf(caller: OutsideCaller, contextId: string, room: WebRoomView): Promise<string | undefined> {
    const sql = tenant(caller.organizationId);
    const known = await findOutsideContext(sql, caller.tokenId, contextId);
    if (known !== room.roomId && contextId !== contextOf(room, ""))
      throw new ParleyError("REQUEST_INVALID", { detail: "there is no such context here" });
    return room.kind === "direct" ? undefined : contextId.slice(CONTEXT_PREFIX.length);
  }

  const pushPlace = (caller: Pick<OutsideCaller, "organizationId">, taskId: string): SecretPlace => ({
    organizationId: caller.organizationId,
    platform: "a2a",
    installationId: taskId,
    field: "push",
  });

  return {
    async targets(caller) {
      const person = await personOf(caller);
      const installationId = await visitors.installationOf(caller.organizationId);
      const own = policies.of(caller.organizationId);
      const rooms = await visitors.rooms(caller);
      const agents = directory.list(caller.organizationId).filter((agent) => {
        const room = rooms.find((one) => one.agentHandle === agent.handle);
        return mayTalk(person, { installationId, room, agent }, own).allowed;
      });
      const open = rooms.filter(
        (room) => room.kind !== "direct" && mayTalk(person, { installationId, room, agent: undefined }, own).allowed,
      );
      return [...agents.map(agentTarget), ...open.map(roomTarget)];
    },
    async target(caller, address) {
      const { agent, room } = await placeOf(caller, address);
      if (agent !== undefined) return { ...agentTarget(agent), ...(room === undefined ? {} : { roomId: room.roomId }) };
      if (room === undefined) throw noSuchTask();
      return roomTarget(room);
    },
    send,
    read,
    watch,
    async list(caller, { roomId, contextId, before, limit }) {
      await personOf(caller);
      const { organizationId, tokenId } = caller;
      const rows = await listOutsideTasks(tenant(organizationId), {
        tokenId,
        roomId,
        contextId,
        before,
        limit: limit + 1,
      });
      const tasks: OutsideTask[] = [];
      for (const row of rows.slice(0, limit)) {
        const task = await readRow(caller, row).catch((error: unknown) => {
          if (error instanceof ParleyError && error.code === "NOT_FOUND") return undefined;
          throw error;
        });
        if (task !== undefined) tasks.push(task);
      }
      const next = rows.length > limit ? rows[limit - 1]?.id : undefined;
      return { tasks, ...(next === undefined ? {} : { next }) };
    },
    async cancel(caller, taskId) {
      const row = await rowOf(caller, taskId);
      const task = await read(caller, taskId);
      if (ENDED.has(task.state)) throw new ParleyError("CONFLICT", { detail: "the task is over" });
      // A context of a room goes on in the thread under its first post.
      const root = row.context_id.slice(CONTEXT_PREFIX.length);
      for (const { postId } of await postsOf(caller, row)) {
        if (postId === null) continue;
        const isInThread = root !== row.room_id && root !== postId;
        const where = { roomId: row.room_id, messageId: postId, ...(isInThread ? { threadRootId: root } : {}) };
        await visitors.stop(caller, where);
      }
      return await settled(caller, taskId, CANCEL_WAIT_MS, ({ state }) => ENDED.has(state));
    },
    async pushes(caller, taskId) {
      const row = await rowOf(caller, taskId);
      return openPushes(box, pushPlace(caller, taskId), row);
    },
    async setPushes(caller, taskId, pushes) {
      await rowOf(caller, taskId);
      const bytes = Buffer.from(JSON.stringify(pushes));
      const sealed = box.sealBytes(pushPlace(caller, taskId), bytes).toString("base64");
      await storeOutsidePush(tenant(caller.organizationId), taskId, pushes.length === 0 ? undefined : sealed);
    },
    file: async (caller, uploadId, maxBytes) => await visitors.file(caller.organizationId, uploadId, maxBytes),
  };

  async function postsOf(caller: OutsideCaller, row: OutsideTaskRow): Promise<readonly { postId: string | null }[]> {
    const { organizationId } = caller;
    const installationId = await visitors.installationOf(organizationId);
    const task = { organizationId, taskId: row.id, installationId, roomId: row.room_id };
    return (await readOutsideProgress(tenant(organizationId), task))?.said ?? [];
  }
}

const CONTEXT_PREFIX = "ctx_";

function contextOf(room: WebRoomView, postId: string): string {
  return `${CONTEXT_PREFIX}${room.kind === "direct" ? room.roomId : postId}`;
}

/** Where a task's notifications go, as they were given. */
export function openPushes(box: SecretBox, place: SecretPlace, row: OutsideTaskRow): readonly OutsidePush[] {
  if (row.push === null) return [];
  const bytes = box.openBytes(place, Buffer.from(row.push.sealed, "base64"));
  return JSON.parse(bytes.toString("utf8")) as OutsidePush[]; // sealed by this process or one like it
}

function agentTarget({ handle, definition }: DirectoryAgent): OutsideTarget {
  return { agent: { handle, name: definition.name, description: definition.description } };
}

function roomTarget({ roomId, name, topic }: WebRoomView): OutsideTarget {
  return { room: { roomId, name, topic } };
}

function noSuchTask(): ParleyError {
  return new ParleyError("NOT_FOUND", { detail: "there is no such task" });
}
