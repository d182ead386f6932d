import { ParleyError, toParleyError } from "../../src/errors/parley-error.ts";
import { abortableSleep } from "../shared/abortable-sleep.ts";
import type { Account } from "./account.ts";
import { clientPath } from "./client.ts";
import { listDirectRoom } from "./direct-list.ts";
import { asRoomId, asUserId, serverOf } from "./matrix-ids.ts";
import { asRecord, asString, type Raw } from "./raw.ts";
import { leaveImpostor } from "./tombstones.ts";

const ROW_PREFIX = "invite/";
/** Joining a room of a far server can take long. */
const JOIN_TIMEOUT_MS = 60_000;
const RETRY_MS = [2_000, 10_000, 30_000, 120_000, 600_000] as const;

export interface Entry {
  readonly roomId: string;
  /** Which of the own accounts is to join. */
  readonly userId: string;
  readonly via: readonly string[];
  readonly direct: boolean;
  /** The room whose place this one took; undefined for an invitation. */
  readonly replaces?: string;
}

/** Joins rooms: by invitations from people who may give them, and by upgrades. What was begun is known to later processes. */
export class Joins {
  readonly #account: Account;
  readonly #stopping = new AbortController();
  readonly #underWay = new Set<Promise<void>>();

  constructor(account: Account) {
    this.#account = account;
  }

  /** Goes on with invitations that an earlier process had taken up. */
  async restore(): Promise<void> {
    const { sink, installationId } = this.#account;
    for (const row of (await sink.state.read(installationId, ROW_PREFIX)).values()) {
      const entry = readEntry(row);
      if (entry !== undefined) this.#begin(entry);
    }
  }

  /**
   * Decides about an invitation of one of the own accounts. Resolves when the decision is durable; the joining goes on by itself.   */
  async invited(roomId: string, userId: string, invite: Raw): Promise<void> {
    const account = this.#account;
    const inviter = asUserId(invite["sender"]);
    const facts = { installationId: account.installationId, inviter: inviter ?? "nobody" };
    if (inviter === undefined) return;
    if (!account.isOwn(inviter) && !mayInvite(account, inviter)) {
      const { declineOthers } = account.config;
      account.sink.logger.info(
        facts,
        declineOthers ? "a Matrix invitation was declined" : "a Matrix invitation is left pending",
      );
      if (declineOthers) await this.#decline(roomId, userId);
      return;
    }
    const direct = asRecord(invite["content"])?.["is_direct"] === true;
    const entry: Entry = { roomId, userId, via: [serverOf(inviter)], direct };
    await this.takeUp(entry);
  }

  /** Takes up a room that is to be entered. Resolves when that is durable; the joining goes on by itself, until it is done or refused for good. */
  async takeUp(entry: Entry): Promise<void> {
    await this.#write(entry, Buffer.from(JSON.stringify(entry), "utf8"));
    this.#begin(entry);
  }

  /** Joins now; false when the room does not let the account in. Rejects when it could not be tried. */
  async enter(entry: Entry): Promise<boolean> {
    const account = this.#account;
    const asUser = account.puppetPrefix === undefined ? undefined : entry.userId;
    const via = entry.via.map(
      (server) => `&via=${encodeURIComponent(server)}&server_name=${encodeURIComponent(server)}`,
    );
    try {
      await account.client.call({
        method: "POST",
        label: "join",
        // Servers are given several times by one name, which a record of parameters cannot hold.
        path: `${clientPath("join", entry.roomId)}?${via.join("").slice(1)}`,
        body: {},
        asUser,
        timeoutMs: JOIN_TIMEOUT_MS,
        signal: this.#stopping.signal,
      });
    } catch (error) {
      const fault = toParleyError(error);
      if (fault.delivery === "unknown" || fault.row.retry !== "never") throw fault;
      account.sink.logger.warn(
        { installationId: account.installationId, code: fault.code, detail: fault.detail },
        "a Matrix room did not let the account in",
      );
      return false;
    }
    account.rooms.noteReader(entry.roomId, entry.userId);
    if (entry.direct) {
      await account.rooms.markDirect(entry.roomId);
      const inviter = [...account.rooms.get(entry.roomId).members.keys()].find((id) => !account.isOwn(id));
      if (inviter !== undefined) await listDirectRoom(account, inviter, entry.roomId);
    }
    return true;
  }

  async close(): Promise<void> {
    this.#stopping.abort();
    await Promise.allSettled(this.#underWay);
  }

  #begin(entry: Entry): void {
    const work = this.#follow(entry).catch(() => undefined);
    this.#underWay.add(work);
    void work.finally(() => this.#underWay.delete(work));
  }

  async #follow(entry: Entry): Promise<void> {
    for (let attempt = 0; !this.#stopping.signal.aborted; attempt++) {
      try {
        if (await this.enter(entry)) await leaveImpostor(this.#account, entry);
        await this.#write(entry, null);
        return;
      } catch (error) {
        const fault = toParleyError(error);
        if (this.#stopping.signal.aborted || fault.code === "PLATFORM_UNAUTHORIZED") return;
        this.#account.sink.logger.warn(
          { installationId: this.#account.installationId, code: fault.code, detail: fault.detail },
          "a Matrix room could not be joined yet",
        );
        const pauseMs = RETRY_MS[Math.min(attempt, RETRY_MS.length - 1)] ?? 600_000;
        await abortableSleep(Math.max(pauseMs, fault.retryAfterMs ?? 0), this.#stopping.signal);
      }
    }
  }

  async #decline(roomId: string, userId: string): Promise<void> {
    const account = this.#account;
    const asUser = account.puppetPrefix === undefined ? undefined : userId;
    const path = clientPath("rooms", roomId, "leave");
    await account.call({ method: "POST", label: "decline", path, body: {}, asUser }).catch((error: unknown) => {
      if (!(error instanceof ParleyError)) throw error;
    });
  }

  async #write({ roomId, userId }: Entry, value: Uint8Array | null): Promise<void> {
    const { sink, installationId } = this.#account;
    await sink.state.write(installationId, new Map([[`${ROW_PREFIX}${roomId}/${userId}`, value]]));
  }
}

function mayInvite({ config, server }: Account, inviter: string): boolean {
  const allowed = config.inviters ?? [server];
  return allowed.some((who) => who === "*" || who === inviter || who === serverOf(inviter));
}

function readEntry(row: Uint8Array): Entry | undefined {
  let raw: Raw | undefined;
  try {
    raw = asRecord(JSON.parse(Buffer.from(row).toString("utf8")));
  } catch {
    return undefined;
  }
  const roomId = asString(raw?.["roomId"]);
  const userId = asUserId(raw?.["userId"]);
  if (roomId === undefined || userId === undefined) return undefined;
  const via = Array.isArray(raw?.["via"]) ? raw["via"].filter((server) => typeof server === "string") : [];
  const replaces = asRoomId(raw?.["replaces"]);
  return { roomId, userId, via, direct: raw?.["direct"] === true, ...(replaces === undefined ? {} : { replaces }) };
}
