import type { WebPersonRecord } from "../../src/contracts/web-room-records.ts";
import type { WebAccessStore } from "../../src/contracts/web-room-store.ts";

/** Names change rarely and notices say when; this bounds the harm of a notice that was lost. */
const MAX_AGE_MS = 30_000;

/** The people of each organization, kept in memory for names alone: who may do what is asked of the store each time. */
export class PeopleDirectory {
  readonly #access: WebAccessStore;
  readonly #known = new Map<
    string,
    { readonly loadedAt: number; readonly people: Promise<readonly WebPersonRecord[]> }
  >();

  constructor(access: WebAccessStore) {
    this.#access = access;
  }

  async list(organizationId: string): Promise<readonly WebPersonRecord[]> {
    const known = this.#known.get(organizationId);
    if (known !== undefined && performance.now() - known.loadedAt < MAX_AGE_MS) return await known.people;
    const people = this.#access.people(organizationId);
    this.#known.set(organizationId, { loadedAt: performance.now(), people });
    people.catch(() => this.forget(organizationId));
    return await people;
  }

  async nameOf(organizationId: string, personId: string): Promise<string> {
    const people = await this.list(organizationId);
    return people.find((person) => person.personId === personId)?.name ?? personId;
  }

  forget(organizationId: string): void {
    this.#known.delete(organizationId);
  }

  forgetAll(): void {
    this.#known.clear();
  }
}
