import { toParleyError } from "../../src/errors/parley-error.ts";
import type { Account } from "./account.ts";
import { clientPath } from "./client.ts";
import type { Joins } from "./joins.ts";
import { asRecord } from "./raw.ts";

/** Follows rooms to the ones that took their place, where those let the account in. */
export class Tombstones {
  readonly #account: Account;
  readonly #joins: Joins;

  constructor(account: Account, joins: Joins) {
    this.#account = account;
    this.#joins = joins;
  }

  /** Called when a room was closed; the work goes on by itself. */
  note(roomId: string): void {
    const { rooms } = this.#account;
    const state = rooms.get(roomId);
    const { replacement } = state;
    if (replacement === undefined || replacement === "" || replacement === roomId) return;
    const bot = this.#account.puppetPrefix === undefined ? [this.#account.userId] : rooms.readersOf(roomId);
    const via = state.tombstoneServer;
    const direct = rooms.isDirect(roomId);
    for (const userId of bot)
      void this.#joins
        .enter({ roomId: replacement, userId, via: via === undefined ? [] : [via], direct })
        .then((entered) => (entered ? this.#leaveImpostor(roomId, replacement, userId) : undefined))
        .catch((error: unknown) => {
          const fault = toParleyError(error);
          this.#account.sink.logger.warn(
            { installationId: this.#account.installationId, code: fault.code, detail: fault.detail },
            "the room that took another one's place could not be entered",
          );
        });
  }

  /** A room that does not say where it comes from is no upgrade but a trap: whoever closed the old one chose any room they liked. */
  async #leaveImpostor(oldRoomId: string, roomId: string, userId: string): Promise<void> {
    const account = this.#account;
    const asUser = account.puppetPrefix === undefined ? undefined : userId;
    const create = await account.call({
      method: "GET",
      label: "create event",
      path: clientPath("rooms", roomId, "state", "m.room.create", ""),
      asUser,
    });
    if (asRecord(create["predecessor"])?.["room_id"] === oldRoomId) return;
    account.sink.logger.warn(
      { installationId: account.installationId },
      "a room that was to replace another does not name it, and was left",
    );
    await account.call({
      method: "POST",
      label: "leave",
      path: clientPath("rooms", roomId, "leave"),
      body: {},
      asUser,
    });
  }
}
