import type { AdapterLease, AdapterStateStore } from "../../src/contracts/adapter-state.ts";
import type { JsonValue } from "../../src/contracts/json.ts";
import type { Logger } from "../../src/contracts/logger.ts";
import type { Raw } from "./raw.ts";

/** What encryption adds to an account; absent for accounts that have none. See deploy/decisions/0007. */
export interface AccountCrypto {
  /** Aborted when nothing may go on: the lease is lost, or the crypto store could not be written. It has to be closed and opened anew. */
  readonly ended: AbortSignal;
  /** Takes a sync answer's to-device messages, device lists, key counts and the rooms' state; all of it is durable when it resolves. */
  receive(answer: Raw): Promise<void>;
  /**
   * The plain event of an `m.room.encrypted` one; undefined when its key is missing. Then the event is kept with its note, durable,
   * and comes through `CryptoOptions.deliver` when the key does.
   */
  open(roomId: string, event: Raw, note: JsonValue): Promise<Raw | undefined>;
  /** The plain event of one that is only looked at: of history, or named by another one. Undefined when its key is missing; nothing is kept. */
  read(roomId: string, event: Raw): Promise<Raw | undefined>;
  /** Whether a file that is shown in the room has to be encrypted before its upload. Rejects as `seal` does. */
  encrypted(roomId: string): Promise<boolean>;
  /**
   * What to send in place of the content: the same in a room without encryption, `m.room.encrypted` in one with it.
   *
   * Rejects with a ParleyError, `not_sent`, when it cannot be found out whether the room is encrypted, and for whom.
   */
  seal(
    roomId: string,
    type: string,
    content: { readonly [key: string]: JsonValue },
  ): Promise<{ readonly type: string; readonly content: { readonly [key: string]: JsonValue } }>;
  /** Called after the sync token was written. */
  synced(): void;
  /** What an operator should know: events that cannot be read. Undefined when all is well. */
  health(): string | undefined;
  /** Ends everything; resolves when nothing of it writes any more. */
  close(): Promise<void>;
}

export interface CryptoOptions {
  readonly installationId: string;
  readonly homeserverUrl: string;
  readonly userId: string;
  readonly deviceId: string;
  readonly accessToken: string;
  /** The account's recovery key, by which its device signs itself. Errors without one: CREDENTIAL_MISSING. */
  readonly recoveryKey: string | undefined;
  /** What the store's key is made of; default the recovery key. */
  readonly storeKey?: string | undefined;
  readonly state: AdapterStateStore;
  /** The account's sync lease: nothing is written without it. */
  readonly lease: AdapterLease;
  readonly logger: Logger;
  /** How requests reach the homeserver; ends with the adapter. */
  readonly fetch: typeof globalThis.fetch;
  /** Takes an event whose key came late; its row goes only after this resolved. */
  readonly deliver: (roomId: string, event: Raw, note: JsonValue) => Promise<void>;
}

export type OpenCrypto = (options: CryptoOptions) => Promise<AccountCrypto>;
