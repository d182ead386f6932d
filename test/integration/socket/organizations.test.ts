import { expect, it } from "vitest";
import type { AgentView } from "../../../src/contracts/operations.ts";
import { DialInAgent } from "../../support/agents/dial-in-agent.ts";
import { createDeployment } from "../../support/app/organizations-app.ts";

const CONFIG = `
const agents = [{ handle: "caller", name: "Caller", connector: { kind: "socket" } }];
export default { agents, organizations: [{ id: "other", name: "Other", agents }] };
`;

it("keeps the tokens and connections of two organizations apart, whose agents have one handle", {
  timeout: 120_000,
}, async () => {
  const parley = await (await createDeployment(CONFIG)).process();
  const token = async (organization?: string): Promise<string> => {
    const answer = await parley.call("POST", "/api/agents/caller/token", {
      ...(organization !== undefined && { organization }),
    });
    expect(answer.status).toBe(201);
    return (answer.body as { secret: string }).secret; // as the API's schema says
  };
  const connected = async (organization?: string): Promise<string | undefined> => {
    const { body } = await parley.call("GET", "/api/agents", { ...(organization !== undefined && { organization }) });
    return (body as { agents: AgentView[] }).agents.find(({ handle }) => handle === "caller")?.connection?.state; // as the API's schema says
  };
  const own = await DialInAgent.dial(parley.url, { token: await token() });
  expect(await connected("other")).toBe("away");
  const other = await DialInAgent.dial(parley.url, { token: await token("other") });
  await expect.poll(() => connected()).toBe("connected");
  await expect.poll(() => connected("other")).toBe("connected");
  expect(own.welcome?.agent.agentId).not.toBe(other.welcome?.agent.agentId);
  await token("other");
  expect(await other.closed).toMatchObject({ code: 4003 });
  expect(own.isGone).toBe(false);
  await own.close();
});
