import { randomUUID } from "node:crypto";
import { createA2aConnector } from "../../../agents/a2a/index.ts";
import type { ConnectorEvent, TranscriptMessage } from "../../../src/contracts/connector.ts";
import { ParleyError } from "../../../src/errors/parley-error.ts";
import { type Invoke, withInvoke } from "./connectors/mutant.ts";

type Create = typeof createA2aConnector;

export interface A2aMutant {
  readonly name: string;
  readonly breaks: string;
  readonly create: Create;
}

const NEVER = new AbortController().signal;

const invoking =
  (invoke: Invoke): Create =>
  (config, options) =>
    withInvoke(createA2aConnector(config, options), invoke);

const failingWith = (change: (error: ParleyError, marker: string) => unknown): Create =>
  invoking(async function* (real, request, io) {
    try {
      yield* real.invoke(request, io);
    } catch (thrown) {
      throw thrown instanceof ParleyError ? change(thrown, request.trigger.text) : thrown;
    }
  });

/** A2A connectors that break one obligation each on purpose. */
export const A2A_MUTANTS: readonly A2aMutant[] = [
  {
    name: "reads the card as soon as it is created",
    breaks: "CO-LIFE-01",
    create(config, options) {
      const real = createA2aConnector(config, options);
      void real.check(AbortSignal.timeout(1_000));
      return real;
    },
  },
  {
    name: "renders what stands in two places twice",
    breaks: "CO-INV-01",
    create: invoking(async function* (real, request, io) {
      for await (const event of real.invoke(request, io)) {
        yield event;
        if (event.type === "text_delta") yield event;
      }
    }),
  },
  {
    name: "has one buffer for the streams of all turns",
    breaks: "CO-INV-02",
    create(config, options) {
      const buffer: ConnectorEvent[] = [];
      return withInvoke(createA2aConnector(config, options), async function* (real, request, io) {
        for await (const event of real.invoke(request, io)) {
          buffer.push(event);
          if (event.type === "done") yield* buffer.splice(0);
        }
      });
    },
  },
  {
    name: "makes up a messageId for each attempt",
    breaks: "CO-INV-03",
    create: invoking((real, request, io) => real.invoke({ ...request, turnId: randomUUID() }, io)),
  },
  {
    name: "waits for its agent though the turn was stopped",
    breaks: "CO-STOP-01",
    create: invoking((real, request, io) => real.invoke(request, { ...io, signal: NEVER })),
  },
  {
    name: "says of every failure that the agent crashed",
    breaks: "CO-ERR-01",
    create: failingWith(() => new ParleyError("AGENT_CRASHED")),
  },
  {
    name: "takes a stream that broke off for a whole answer",
    breaks: "CO-ERR-02",
    create: invoking(async function* (real, request, io) {
      try {
        yield* real.invoke(request, io);
      } catch (thrown) {
        if (!(thrown instanceof ParleyError) || thrown.code !== "AGENT_CRASHED") throw thrown;
        yield { type: "done" };
      }
    }),
  },
  {
    name: "hands on more than a conversation can take",
    breaks: "CO-SIZE-01",
    create: invoking(async function* (real, request, io) {
      for await (const event of real.invoke(request, io)) {
        yield event;
        if (event.type === "text_delta" && event.markdown.length > 500) yield event;
        if (event.type === "part" && event.part.type === "artifact") yield event;
      }
    }),
  },
  {
    name: "tells its agent what was said in other turns",
    breaks: "CO-SEC-01",
    create(config, options) {
      const memory: TranscriptMessage[] = [];
      return withInvoke(createA2aConnector(config, options), (real, request, io) => {
        const transcript = [...memory, ...request.transcript];
        memory.push(request.trigger);
        return real.invoke({ ...request, transcript }, io);
      });
    },
  },
  {
    name: "quotes the question in its errors",
    breaks: "CO-LOG-01",
    create: failingWith((error, marker) => new ParleyError(error.code, { detail: marker })),
  },
];
