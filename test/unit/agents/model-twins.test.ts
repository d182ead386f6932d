import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createModelConnector, ModelConfig } from "../../../agents/model/index.ts";
import type { AgentConnector, TurnIo, TurnRequest } from "../../../src/contracts/connector.ts";
import type { TurnRequests } from "../../../src/contracts/turn-requests.ts";
import { ALLOWED, AskedPeople, DENIED, rememberedSession } from "../../support/agents/asked-people.ts";
import { collect } from "../../support/agents/collect.ts";
import { turnIo, turnRequest } from "../../support/agents/turn-fixtures.ts";
import { HostileMcpServer } from "../../support/mcp/hostile-server.ts";
import { ModelServer } from "../../support/models/model-server.ts";

let model: ModelServer;
let mcp: HostileMcpServer;

beforeEach(async () => {
  model = await ModelServer.start();
  mcp = await HostileMcpServer.start();
  mcp.mischief = { kind: "honest", tools: [{ name: "erase" }] };
});
afterEach(() => Promise.all([model.stop(), mcp.stop()]));

type Approve = "never" | "writes";

interface Twin {
  readonly name: string;
  readonly approve?: Approve;
  /** What the connector sees instead of the turn's surroundings. */
  readonly io?: (io: TurnIo, request: TurnRequest) => TurnIo;
  readonly request?: (request: TurnRequest) => TurnRequest;
  /** Rules that it breaks; none for the connector itself. */
  readonly breaks: readonly string[];
}

const asking = (io: TurnIo, ask: (requests: TurnRequests) => TurnRequests["ask"]): TurnIo =>
  io.requests === undefined ? io : { ...io, requests: { ask: ask(io.requests) } };

const TWINS: readonly Twin[] = [
  { name: "is the connector itself", breaks: [] },
  { name: "asks nobody", approve: "never", breaks: ["asks", "obeys", "binds", "once"] },
  {
    name: "takes every answer for a yes",
    io: (io) =>
      asking(io, (requests) => async (part, options) => {
        await requests.ask(part, options);
        return ALLOWED;
      }),
    breaks: ["obeys", "binds"],
  },
  {
    name: "takes the first yes for all that follow",
    io: (io) => {
      let first: ReturnType<TurnRequests["ask"]> | undefined;
      return asking(io, (requests) => (part, options) => (first ??= requests.ask(part, options)));
    },
    breaks: ["binds"],
  },
  {
    name: "forgets over a restart what it had begun",
    io: (io) => {
      const { session: _forgotten, ...rest } = io;
      return rest;
    },
    breaks: ["once"],
  },
  {
    name: "takes a later attempt for a first one",
    request: (request) => ({ ...request, attempt: 1 }),
    breaks: ["once"],
  },
];

function connectorOf(twin: Twin): AgentConnector {
  const connector = createModelConnector(
    ModelConfig.parse({
      kind: "model",
      provider: "openai-compatible",
      baseUrl: model.baseUrl,
      model: "m",
      mcpServers: [{ name: "h", url: mcp.url, ...(twin.approve !== undefined && { approve: twin.approve }) }],
    }),
    { network: { allowPrivateAddresses: true, allowedCidrs: [] } },
  );
  return {
    kind: connector.kind,
    features: connector.features,
    invoke: (request, io) => connector.invoke(twin.request?.(request) ?? request, twin.io?.(io, request) ?? io),
    check: (signal) => connector.check(signal),
    close: () => connector.close(),
  };
}

/** The model erases these rows, one after the other. */
function modelErases(...rows: readonly number[]): void {
  model.behave = (call) => {
    const row = rows[call.rawBody.split('"tool_call_id"').length - 1];
    return row === undefined
      ? { kind: "answer", moves: [{ text: "Done." }] }
      : { kind: "answer", moves: [{ toolCall: { id: `call_${Math.random()}`, name: "h__erase", input: { row } } }] };
  };
}

const erased = (): unknown[] => mcp.calls.splice(0).map((call) => call.arguments);

/** Each rule of consent, as a check that throws for a connector that breaks it. */
const RULES: Readonly<Record<string, (connector: AgentConnector) => Promise<void>>> = {
  async asks(connector) {
    modelErases(1);
    const people = new AskedPeople();
    people.decide = () => ALLOWED;
    await collect(connector.invoke(turnRequest(), turnIo({ requests: people })));
    expect(people.questions).toHaveLength(1);
    expect(erased()).toEqual([{ row: 1 }]);
  },
  async obeys(connector) {
    modelErases(1);
    const people = new AskedPeople();
    people.decide = () => DENIED;
    await collect(connector.invoke(turnRequest(), turnIo({ requests: people })));
    expect(erased()).toEqual([]);
  },
  async binds(connector) {
    modelErases(1, 2, 1);
    const people = new AskedPeople();
    people.decide = (part) => (part === people.questions[0]?.part ? ALLOWED : DENIED);
    await collect(connector.invoke(turnRequest(), turnIo({ requests: people })));
    expect(erased()).toEqual([{ row: 1 }]);
  },
  async once(connector) {
    modelErases(1);
    const people = new AskedPeople();
    people.decide = () => ALLOWED;
    const session = rememberedSession();
    const request = turnRequest();
    await collect(connector.invoke(request, turnIo({ requests: people, session })));
    await collect(connector.invoke({ ...request, attempt: 2 }, turnIo({ requests: people, session })));
    expect(erased()).toEqual([{ row: 1 }]);
  },
};

describe("the rules of consent", () => {
  it.each(TWINS)("are broken by a twin that $name as it should be", async (twin) => {
    const connector = connectorOf(twin);
    const broken: string[] = [];
    for (const [rule, check] of Object.entries(RULES)) {
      await check(connector).catch(() => broken.push(rule));
      mcp.calls.splice(0);
    }
    await connector.close();
    expect(broken).toEqual(twin.breaks);
  });
});
