import type { AgentIdentity } from "../../src/contracts/adapter.ts";
import { ParleyError, toParleyError } from "../../src/errors/parley-error.ts";
import type { Account } from "./account.ts";
import { avatarOf, type PictureHttp } from "./avatar.ts";
import { clientPath } from "./client.ts";
import { errcodeOf } from "./errors.ts";
import { asRoomId, localpartOf, serverOf } from "./matrix-ids.ts";
import { asList } from "./raw.ts";

/** Name and picture of a puppet are looked at again after this. */
const PROFILE_TTL_MS = 600_000;

/** The accounts of agents in an application service: made when they are first needed, named and pictured as the agent is. */
export class Puppets {
  readonly #account: Account;
  readonly #http: PictureHttp | undefined;
  readonly #registered = new Map<string, Promise<void>>();
  #learning: Promise<void> | undefined;
  readonly #profiles = new Map<string, { readonly look: string; readonly setAtMs: number }>();

  /** Without `http` agents have no pictures. */
  constructor(account: Account, http?: PictureHttp) {
    this.#account = account;
    this.#http = http;
    account.rooms.findReaders = () => this.learnRooms();
  }

  /** Makes the service's own account and finds out which rooms its accounts are in. Rejects when the homeserver cannot be asked. */
  async start(): Promise<void> {
    const account = this.#account;
    await this.#register(account.userId);
    await this.learnRooms();
  }

  /** Finds out which rooms the accounts are in; who asks meanwhile shares the answer. */
  learnRooms(): Promise<void> {
    this.#learning ??= this.#learnAll().finally(() => {
      this.#learning = undefined;
    });
    return this.#learning;
  }

  async #learnAll(): Promise<void> {
    const account = this.#account;
    await this.#learnRooms(account.userId);
    for (const { handle } of account.sink.agents(account.record.organizationId)) {
      const userId = account.puppetOf(handle);
      // A puppet that does not exist is in no room; it is made when it is needed.
      if (userId !== undefined) await this.#learnRooms(userId).catch(() => undefined);
    }
  }

  /** Makes sure that the account exists; for people who name or invite an agent nobody has spoken with yet. */
  async exists(userId: string): Promise<boolean> {
    const account = this.#account;
    if (userId === account.userId) {
      await this.#register(userId);
      return true;
    }
    const handle = account.agentOf(userId);
    const agent = account.sink.agents(account.record.organizationId).find((one) => one.handle === handle);
    if (agent === undefined) return false;
    await this.#register(userId);
    await this.#setName(userId, agent.name);
    return true;
  }

  /** The account of an agent, made and named; undefined on a bot account, which all agents share. */
  async accountOf(identity: AgentIdentity): Promise<string | undefined> {
    const userId = this.#account.puppetOf(identity.handle);
    if (userId === undefined) return undefined;
    await this.#register(userId);
    await this.#look(userId, identity).catch((error: unknown) =>
      this.#log("an agent's profile could not be set", error),
    );
    return userId;
  }

  /** The account under which an agent acts in a room: made, named, and a member of it. Undefined for the service's own account. */
  async actorFor(identity: AgentIdentity, roomId: string, signal: AbortSignal): Promise<string | undefined> {
    const account = this.#account;
    const userId = await this.accountOf(identity);
    if (userId === undefined) return undefined;
    const state = await account.rooms.ensure(roomId);
    if (state.member(userId)?.membership === "join" || account.rooms.readersOf(roomId).includes(userId)) return userId;
    if (await this.#bringIn(userId, roomId, signal)) return userId;
    if (state.member(account.userId)?.membership === "join") return account.userId;
    throw new ParleyError("PLATFORM_FORBIDDEN", {
      detail: "the agent's account is not in the room and cannot join it",
    });
  }

  /** Joins, by an invitation of another own account where one is needed. */
  async #bringIn(userId: string, roomId: string, signal: AbortSignal): Promise<boolean> {
    const account = this.#account;
    if (await this.#join(userId, roomId, signal)) return true;
    for (const host of account.rooms.readersOf(roomId)) {
      if (host === userId) continue;
      try {
        await account.call({
          method: "POST",
          label: "invite",
          path: clientPath("rooms", roomId, "invite"),
          body: { user_id: userId },
          asUser: host,
          signal,
        });
      } catch (error) {
        if (toParleyError(error).row.retry !== "never") throw error;
        continue;
      }
      return this.#join(userId, roomId, signal);
    }
    return false;
  }

  async #join(userId: string, roomId: string, signal: AbortSignal): Promise<boolean> {
    const account = this.#account;
    try {
      await account.call({
        method: "POST",
        label: "join",
        path: clientPath("rooms", roomId, "join"),
        body: {},
        asUser: userId,
        signal,
      });
    } catch (error) {
      const fault = toParleyError(error);
      if (fault.code === "PLATFORM_FORBIDDEN" || fault.code === "TARGET_NOT_FOUND") return false;
      // Joining writes no message: whether it happened or not, the caller may try all of it again.
      if (fault.delivery === "unknown")
        throw new ParleyError("PLATFORM_UNAVAILABLE", { detail: fault.detail ?? fault.code, cause: fault });
      throw fault;
    }
    account.rooms.noteReader(roomId, userId);
    return true;
  }

  #register(userId: string): Promise<void> {
    let registering = this.#registered.get(userId);
    if (registering === undefined) {
      registering = this.#registerNow(userId).catch((error: unknown) => {
        this.#registered.delete(userId);
        throw error;
      });
      this.#registered.set(userId, registering);
    }
    return registering;
  }

  async #registerNow(userId: string): Promise<void> {
    try {
      await this.#account.call({
        method: "POST",
        label: "register",
        path: clientPath("register"),
        body: { type: "m.login.application_service", username: localpartOf(userId), inhibit_login: true },
      });
    } catch (error) {
      if (errcodeOf(error) !== "M_USER_IN_USE") throw error;
    }
  }

  async #look(userId: string, identity: AgentIdentity): Promise<void> {
    const look = JSON.stringify([identity.name, identity.avatarUrl ?? ""]);
    const known = this.#profiles.get(userId);
    if (known?.look === look && Date.now() - known.setAtMs < PROFILE_TTL_MS) return;
    // Noted first: a picture that cannot be fetched is not fetched anew for every message.
    this.#profiles.set(userId, { look, setAtMs: Date.now() });
    await this.#setName(userId, identity.name);
    if (identity.avatarUrl === undefined || this.#http === undefined) return;
    const avatar = await avatarOf(this.#account, this.#http, identity.avatarUrl);
    if (avatar !== undefined) await this.#setProfile(userId, "avatar_url", avatar);
  }

  #setName(userId: string, name: string): Promise<void> {
    return this.#setProfile(userId, "displayname", name);
  }

  /** Sets what differs alone: every change of a profile is an event in every room of the account. */
  async #setProfile(userId: string, field: "displayname" | "avatar_url", value: string): Promise<void> {
    const path = clientPath("profile", userId, field);
    const label = "profile";
    const now = await this.#account.call({ method: "GET", label, path, asUser: userId }).catch(() => undefined);
    if (now?.[field] === value) return;
    await this.#account.call({ method: "PUT", label, path, body: { [field]: value }, asUser: userId });
  }

  async #learnRooms(userId: string): Promise<void> {
    const account = this.#account;
    const answer = await account.call({
      method: "GET",
      label: "joined rooms",
      path: clientPath("joined_rooms"),
      asUser: userId,
    });
    for (const value of asList(answer["joined_rooms"])) {
      const roomId = asRoomId(value);
      if (roomId !== undefined) account.rooms.noteReader(roomId, userId);
    }
  }

  #log(message: string, error: unknown): void {
    const fault = toParleyError(error);
    const { sink, installationId, userId } = this.#account;
    sink.logger.warn({ installationId, server: serverOf(userId), code: fault.code, detail: fault.detail }, message);
  }
}
