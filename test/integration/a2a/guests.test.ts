import { expect, onTestFinished, test } from "vitest";
import { openDatabase } from "../../../src/ledger/connection/open-database.ts";
import { connectOutside, isTask, say, textIn } from "../../support/a2a/outside-client.ts";
import { createDeployment } from "../../support/app/organizations-app.ts";
import { WebClient } from "../../support/web/web-client.ts";

const CONFIG = `
const agent = (handle) => ({ handle, name: handle, connector: { kind: "function",
  run: async (request) => "to a " + request.trigger.sender.kind } });
export default {
  agents: [agent("open")],
  access: { rules: [
    { who: "class:external", actions: ["start_agent"], effect: "allow" },
  ] },
};`;

test("a named guest from outside is in no room that nobody let them into, and has an external's rights there", {
  timeout: 60_000,
}, async () => {
  const deployment = await createDeployment(CONFIG);
  const app = await deployment.process();
  const database = await openDatabase({ dataFolder: "unused", databaseUrl: deployment.databaseUrl });
  onTestFinished(() => database.close());
  const page = new WebClient(app.url);
  const me = await page.signIn(await app.ownerLink());
  const make = async (json: unknown) => await app.call("POST", "/api/tokens", { json });
  const token = { name: "guest", scopes: ["talk"] };
  const made = await make({ ...token, guest: "Partner Ltd" });
  expect(made.status).toBe(201);
  const { secret, token: shown } = made.body as { secret: string; token: { personId: string } }; // as the API's schema says
  // One guest, however many tokens stand for them; nobody of the organization becomes one.
  expect((await make({ ...token, guest: "partner ltd" })).body).toMatchObject({ token: { personId: shown.personId } });
  expect((await make({ ...token, guest: me.person.name })).status).toBe(409);
  expect((await make({ ...token, guest: "Other", as: me.person.id })).status).toBe(400);
  expect((await make({ ...token, scopes: ["read"], guest: "Other" })).status).toBe(400);

  const namesOf = async (): Promise<string[]> => {
    const { body } = await app.call("GET", "/a2a", { token: secret });
    return (body as { cards: { card: { name: string } }[] }).cards.map(({ card }) => card.name); // as the route says
  };
  expect(await namesOf()).not.toContain("#general");
  const { rooms } = await page.ok<{ rooms: { id: string; name: string }[] }>("GET", "/rooms");
  const general = rooms.find((room) => room.name === "general")?.id ?? "";
  await page.ok("POST", `/rooms/${general}/members`, { personId: shown.personId });
  expect(await namesOf()).toContain("#general");
  const client = await connectOutside(`${app.url}/a2a/rooms/general`, secret);
  const asked = await client.sendMessage(say("g-1", "@open hello"));
  if (!isTask(asked)) throw new Error("no task");
  expect(textIn(asked)).toBe("to a external_guest");
  const unheard = await client.sendMessage(say("g-2", "nobody is named here"));
  if (!isTask(unheard)) throw new Error("no task");
  expect(unheard.artifacts).toEqual([]);

  const deny = { at: "organization", who: "class:external", actions: ["start_agent"], effect: "deny" };
  expect((await app.call("POST", "/api/access/rules", { json: deny })).status).toBeLessThan(300);
  await expect.poll(async () => (await namesOf()).includes("open"), { timeout: 5_000 }).toBe(false);
  const path = "/a2a/agents/open/.well-known/agent-card.json";
  expect((await app.call("GET", path, { token: secret })).status).toBe(404);
  const [denied] = await database.query<{ count: number }>({
    text: "select count(*)::int as count from audit_log where entries like '%denied_at_organization%' and entries like '%talk%'",
  });
  expect(denied?.count).toBeGreaterThan(0);
});
