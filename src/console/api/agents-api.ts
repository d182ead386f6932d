import { expectKeys, request } from "./http.ts";

/** An agent as its owner's page lists it. */
export interface RegisteredAgent {
  readonly handle: string;
  readonly name: string;
  readonly connectorKind: string;
  readonly source: "config" | "api" | "builtin";
  readonly status: "active" | "paused" | "stopped";
  readonly owner?: string;
  readonly connection?: { readonly state: string };
}

/** What an owner says of a new agent; the rest has its defaults. */
export interface NewAgent {
  readonly handle: string;
  readonly name: string;
  readonly description: string;
  readonly owner: string;
  readonly connector: Readonly<Record<string, string>>;
}

/** Registration of agents, which are routes of operators: an owner's session opens them, anybody else's does not. */
export const agentsApi = {
  async list(): Promise<readonly RegisteredAgent[]> {
    const answer = await request("/agents", { operator: true });
    return expectKeys<{ agents: readonly RegisteredAgent[] }>(answer, ["agents"]).agents;
  },
  /** The secret or token, where the kind has one, is shown in this answer and never again. */
  async add(agent: NewAgent): Promise<string | undefined> {
    const answer = await request("/agents", { operator: true, method: "POST", body: agent });
    return expectKeys<{ secret?: string; agent: unknown }>(answer, ["agent"]).secret;
  },
  async rotate(handle: string): Promise<string> {
    const answer = await request(`${pathOf(handle)}/token`, { operator: true, method: "POST" });
    return expectKeys<{ secret: string }>(answer, ["secret"]).secret;
  },
  /** Of an agent that dials in its token; of a webhook all secrets but the newest. */
  async revoke(handle: string): Promise<void> {
    await request(`${pathOf(handle)}/token`, { operator: true, method: "DELETE" });
  },
  async pause(handle: string): Promise<void> {
    await request(`${pathOf(handle)}/pause`, { operator: true, method: "POST" });
  },
  async resume(handle: string): Promise<void> {
    await request(`${pathOf(handle)}/resume`, { operator: true, method: "POST" });
  },
  async remove(handle: string): Promise<void> {
    await request(pathOf(handle), { operator: true, method: "DELETE" });
  },
};

function pathOf(handle: string): string {
  return `/agents/${encodeURIComponent(handle)}`;
}
