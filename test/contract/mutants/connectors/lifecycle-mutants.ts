import { abortError, raceAbort } from "../../../../agents/shared/abort.ts";
import { createWebhookConnector } from "../../../../agents/webhook/index.ts";
import { type ConnectorMutant, withInvoke } from "./mutant.ts";

const NEVER = new AbortController().signal;

export const lifecycleMutants: readonly ConnectorMutant[] = [
  {
    name: "greets its agent when it is created",
    breaks: ["CO-LIFE-01"],
    create(config, options) {
      const real = createWebhookConnector(config, options);
      void real.check(AbortSignal.timeout(1_000));
      return real;
    },
  },
  {
    name: "closes nothing",
    breaks: ["CO-LIFE-01"],
    create: (config, options) => ({
      ...withInvoke(createWebhookConnector(config, options), (real, request, io) => real.invoke(request, io)),
      close: async () => undefined,
    }),
  },
  {
    name: "cannot be closed twice",
    breaks: ["CO-LIFE-01"],
    create(config, options) {
      const real = createWebhookConnector(config, options);
      let isClosed = false;
      const close = async () => {
        if (isClosed) throw new Error("closed already");
        isClosed = true;
        await real.close();
      };
      return { ...withInvoke(real, (_real, request, io) => real.invoke(request, io)), close };
    },
  },
  {
    name: "does not hear the turn's signal",
    breaks: ["CO-STOP-01"],
    create: (config, options) =>
      withInvoke(createWebhookConnector(config, options), (real, request, io) =>
        real.invoke(request, { ...io, signal: NEVER }),
      ),
  },
  {
    name: "ends an aborted turn but leaves its connection open",
    breaks: ["CO-STOP-01"],
    create: (config, options) =>
      withInvoke(createWebhookConnector(config, options), async function* (real, request, io) {
        if (io.signal.aborted) throw abortError(io.signal);
        const iterator = real.invoke(request, { ...io, signal: NEVER })[Symbol.asyncIterator]();
        for (;;) {
          const step = await raceAbort(iterator.next(), io.signal);
          if (step.done === true) return;
          yield step.value;
        }
      }),
  },
];
