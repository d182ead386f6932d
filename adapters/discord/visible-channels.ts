import type { AdapterStateStore } from "../../src/contracts/adapter-state.ts";
import type { Guild } from "./guild.ts";
import { asIds } from "./raw.ts";
import { visibleChannels } from "./visibility.ts";

const KEY = "visible";

export interface Difference {
  readonly gained: readonly string[];
  readonly lost: readonly string[];
}

/** What one set of channels has that another has not. */
export function differenceOf(before: ReadonlySet<string>, after: ReadonlySet<string>): Difference {
  return {
    gained: [...after].filter((id) => !before.has(id)),
    lost: [...before].filter((id) => !after.has(id)),
  };
}

/** Which channels the bot could see when it was last looked; kept, so that what changed while nobody listened is noticed. */
export class VisibleChannels {
  readonly #state: AdapterStateStore;
  readonly #installationId: string;
  #before: ReadonlySet<string> | undefined;

  constructor(state: AdapterStateStore, installationId: string) {
    this.#state = state;
    this.#installationId = installationId;
  }

  /** Says what changed since the last look; `known` is false at the very first one. */
  async look(guild: Guild, botUserId: string): Promise<Difference & { readonly known: boolean }> {
    const before = this.#before ?? (await this.#read());
    const after = visibleChannels(guild, botUserId, Date.now());
    this.#before = before ?? new Set();
    return { ...differenceOf(this.#before, after), known: before !== undefined };
  }

  /** Keeps what was looked at, after the changes were ingested. Rejects with LEDGER_UNAVAILABLE. */
  async keep(guild: Guild, botUserId: string): Promise<void> {
    const now = visibleChannels(guild, botUserId, Date.now());
    await this.#state.write(this.#installationId, new Map([[KEY, new TextEncoder().encode(JSON.stringify([...now]))]]));
    this.#before = now;
  }

  /** What was seen at the last look, by this process or one before. Rejects with LEDGER_UNAVAILABLE. */
  async seen(): Promise<ReadonlySet<string>> {
    return this.#before ?? (await this.#read()) ?? new Set();
  }

  /** The bot left: whatever it sees when it comes back is new to it. Rejects with LEDGER_UNAVAILABLE. */
  async forget(): Promise<void> {
    await this.#state.write(this.#installationId, new Map([[KEY, new TextEncoder().encode("[]")]]));
    this.#before = new Set();
  }

  async #read(): Promise<ReadonlySet<string> | undefined> {
    const row = (await this.#state.read(this.#installationId, KEY)).get(KEY);
    if (row === undefined) return undefined;
    try {
      return new Set(asIds(JSON.parse(new TextDecoder().decode(row))));
    } catch {
      return undefined;
    }
  }
}
