import { expectKeys, request } from "./http.ts";

/** What an owner can stop and let work again. */
export interface SwitchesAnswer {
  readonly organization: { readonly organizationId: string; readonly status: string; readonly reason?: string };
  readonly agents: readonly { readonly handle: string; readonly name: string; readonly status: string }[];
}

/** The kill switches, which are routes of operators: an owner's session opens them, anybody else's does not. */
export const switchesApi = {
  async read(): Promise<SwitchesAnswer> {
    const [organization, list] = await Promise.all([
      request("/organization", { operator: true }),
      request("/agents", { operator: true }),
    ]);
    return {
      organization: expectKeys<SwitchesAnswer["organization"]>(organization, ["organizationId", "status"]),
      agents: expectKeys<Pick<SwitchesAnswer, "agents">>(list, ["agents"]).agents,
    };
  },
  async stop(handle: string | undefined, reason: string): Promise<void> {
    await request(`${pathOf(handle)}/stop`, { operator: true, method: "POST", body: { reason } });
  },
  async resume(handle: string | undefined): Promise<void> {
    await request(`${pathOf(handle)}/resume`, { operator: true, method: "POST" });
  },
};

function pathOf(handle: string | undefined): string {
  return handle === undefined ? "/organization" : `/agents/${encodeURIComponent(handle)}`;
}
