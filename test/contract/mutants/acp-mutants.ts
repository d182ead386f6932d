import { randomUUID } from "node:crypto";
import { type AcpConfig, createAcpConnector } from "../../../agents/acp/index.ts";
import type { AgentConnector, ConnectorEvent } from "../../../src/contracts/connector.ts";
import { ParleyError } from "../../../src/errors/parley-error.ts";
import { type Invoke, withInvoke } from "./connectors/mutant.ts";

/** An ACP connector that breaks one obligation on purpose; the suite's checks of that obligation must notice. */
export interface AcpMutant {
  readonly name: string;
  readonly breaks: string;
  readonly create: typeof createAcpConnector;
}

const invoking = (name: string, breaks: string, invoke: Invoke): AcpMutant => ({
  name,
  breaks,
  create: (config, options) => withInvoke(createAcpConnector(config, options), invoke),
});

/** The whole environment of this process, past the schema that would refuse it. */
const leaking = (config: AcpConfig): AcpConfig => ({
  ...config,
  env: Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  ),
});

const rewriting = (
  name: string,
  breaks: string,
  rewrite: (events: AsyncIterable<ConnectorEvent>) => AsyncIterable<ConnectorEvent>,
) => invoking(name, breaks, (real, request, io) => rewrite(real.invoke(request, io)));

export const ACP_MUTANTS: readonly AcpMutant[] = [
  {
    name: "starts its agent before anybody asks",
    breaks: "CO-LIFE-01",
    create(config, options) {
      const connector = createAcpConnector(config, options);
      void connector.check(AbortSignal.timeout(5_000));
      return connector;
    },
  },
  {
    name: "leaves its agent running when it is closed",
    breaks: "CO-LIFE-01",
    create(config, options) {
      const real = createAcpConnector(config, options);
      // What was left running goes with the test's own process.
      return { ...asObject(real), close: async () => undefined };
    },
  },
  invoking("does not hear that a turn is stopped", "CO-STOP-01", (real, request, io) =>
    real.invoke(request, { ...io, signal: new AbortController().signal }),
  ),
  invoking("makes a new key for each attempt", "CO-INV-03", (real, request, io) =>
    real.invoke({ ...request, turnId: randomUUID() }, io),
  ),
  rewriting("says twice that it is done", "CO-INV-01", async function* (events) {
    for await (const event of events) {
      yield event;
      if (event.type === "done") yield event;
    }
  }),
  {
    name: "keeps one buffer for all conversations",
    breaks: "CO-INV-02",
    create(config, options) {
      const buffer: ConnectorEvent[] = [];
      return withInvoke(createAcpConnector(config, options), async function* (real, request, io) {
        for await (const event of real.invoke(request, io)) {
          if (event.type === "text_delta") buffer.push(event);
          else yield* [...buffer.splice(0), event];
        }
      });
    },
  },
  rewriting("takes half an answer for a whole one", "CO-ERR-02", async function* (events) {
    try {
      yield* events;
    } catch (thrown) {
      if (!(thrown instanceof ParleyError) || thrown.code !== "AGENT_CRASHED") throw thrown;
      yield { type: "done" };
    }
  }),
  rewriting("calls an answer without end a crash", "CO-ERR-01", async function* (events) {
    try {
      yield* events;
    } catch (thrown) {
      throw thrown instanceof ParleyError && thrown.code === "AGENT_REPLY_TOO_LARGE"
        ? new ParleyError("AGENT_CRASHED")
        : thrown;
    }
  }),
  rewriting("hands every word on twice", "CO-SIZE-01", async function* (events) {
    for await (const event of events) {
      yield event;
      if (event.type === "text_delta") yield event;
    }
  }),
  {
    name: "gives its agent the whole environment",
    breaks: "CO-SEC-01",
    create: (config, options) => createAcpConnector(leaking(config), options),
  },
  {
    name: "prints what its agent writes to the error stream",
    breaks: "CO-LOG-01",
    create: (config, options) =>
      createAcpConnector(config, { ...options, onStderr: (bytes) => console.error(Buffer.from(bytes).toString()) }),
  },
];

function asObject(real: AgentConnector): AgentConnector {
  return withInvoke(real, (connector, request, io) => connector.invoke(request, io));
}
