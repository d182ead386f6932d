import type { Installation, InstallationStore } from "../../src/contracts/adapter-sink.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";

/** The platform's id of the one tenant that an organization has in the web room. */
const EXTERNAL_ID = "web";

/** The web room's installation of each organization. */
export class WebInstallations {
  readonly #store: InstallationStore;
  #byOrganization = new Map<string, Installation>();

  constructor(store: InstallationStore) {
    this.#store = store;
  }

  /** Makes the organization's installation when there is none; what an operator set about one that exists is kept. */
  async ensure(organizationId: string): Promise<void> {
    await this.#reload();
    if (this.#byOrganization.has(organizationId)) return;
    const installation = await this.#store.save({
      organizationId,
      platform: "web",
      externalId: EXTERNAL_ID,
      name: "Web room",
      settings: {},
      secrets: {},
    });
    this.#byOrganization.set(organizationId, installation);
  }

  async of(organizationId: string): Promise<string> {
    if (!this.#byOrganization.has(organizationId)) await this.ensure(organizationId);
    const installation = this.#byOrganization.get(organizationId);
    if (installation === undefined) throw new ParleyError("NOT_FOUND", { detail: "The organization has no web room." });
    return installation.installationId;
  }

  async organizationOf(installationId: string): Promise<string> {
    const find = () => this.known().find((installation) => installation.installationId === installationId);
    if (find() === undefined) await this.#reload();
    const found = find();
    if (found === undefined)
      throw new ParleyError("NOT_FOUND", { detail: "The installation is not one of the web room." });
    return found.organizationId;
  }

  known(): readonly Installation[] {
    return [...this.#byOrganization.values()];
  }

  async #reload(): Promise<void> {
    const installations = await this.#store.list("web");
    this.#byOrganization = new Map(installations.map((installation) => [installation.organizationId, installation]));
  }
}
