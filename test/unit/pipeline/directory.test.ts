import { expect, it } from "vitest";
import { AgentDefinition } from "../../../src/contracts/agent-definition.ts";
import type { Database } from "../../../src/ledger/connection/database.ts";
import { openDirectory } from "../../../src/pipeline/directory.ts";

function record(handle: string): unknown {
  return {
    id: `a_${handle}`,
    organization_id: "main",
    definition: AgentDefinition.parse({ handle, name: handle, connector: { kind: "function" } }),
    secrets: null,
    color: "#000000",
    source: "config",
    status: "active",
    revision: 1,
  };
}

it("an answer of the ledger that comes late does not hide an agent that was added meanwhile", async () => {
  const looks: ((rows: unknown[]) => void)[] = [];
  const database = {
    listen: async () => async () => undefined,
    query: () => new Promise((resolve) => looks.push(resolve)),
  } as unknown as Database; // only these two are used
  const opening = openDirectory(database, () => undefined);
  await Promise.resolve();
  looks[0]?.([]);
  const directory = await opening;
  const early = directory.refresh();
  const late = directory.refresh();
  looks[2]?.([record("reader"), record("fetcher")]);
  await late;
  looks[1]?.([record("reader")]);
  await early;
  expect(directory.list("main").map((agent) => agent.handle)).toEqual(["reader", "fetcher"]);
});
