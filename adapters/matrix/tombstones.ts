import type { Account } from "./account.ts";
import { clientPath } from "./client.ts";
import type { Entry, Joins } from "./joins.ts";
import { asRecord } from "./raw.ts";

/** Follows rooms to the ones that took their place, where those let the account in. */
export class Tombstones {
  readonly #account: Account;
  readonly #joins: Joins;

  constructor(account: Account, joins: Joins) {
    this.#account = account;
    this.#joins = joins;
  }

  /**
   * Called when a room was closed. Resolves when it is durable which room is to be entered: the tombstone does not come again. The
   * entering goes on by itself, over failures and restarts.
   */
  async note(roomId: string): Promise<void> {
    const { rooms } = this.#account;
    const state = rooms.get(roomId);
    const { replacement } = state;
    if (replacement === undefined || replacement === "" || replacement === roomId) return;
    const followers = this.#account.puppetPrefix === undefined ? [this.#account.userId] : rooms.readersOf(roomId);
    const via = state.tombstoneServer;
    const direct = rooms.isDirect(roomId);
    const entry = { roomId: replacement, via: via === undefined ? [] : [via], direct, replaces: roomId };
    for (const userId of followers) await this.#joins.takeUp({ ...entry, userId });
  }
}

/**
 * Leaves a room that was entered as another one's successor and does not say so: that is no upgrade but a trap, as whoever closed
 * the old room chose any room they liked. Rejects when it could not be found out.
 */
export async function leaveImpostor(account: Account, { roomId, userId, replaces }: Entry): Promise<void> {
  if (replaces === undefined) return;
  const asUser = account.puppetPrefix === undefined ? undefined : userId;
  const create = await account.call({
    method: "GET",
    label: "create event",
    path: clientPath("rooms", roomId, "state", "m.room.create", ""),
    asUser,
  });
  if (asRecord(create["predecessor"])?.["room_id"] === replaces) return;
  account.sink.logger.warn(
    { installationId: account.installationId },
    "a room that was to replace another does not name it, and was left",
  );
  await account.call({ method: "POST", label: "leave", path: clientPath("rooms", roomId, "leave"), body: {}, asUser });
}
