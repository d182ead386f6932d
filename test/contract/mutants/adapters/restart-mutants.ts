import { setTimeout as pause } from "node:timers/promises";
import { type AdapterMutant, variantOf, withSink } from "./mutant.ts";

export const restartMutants: readonly AdapterMutant[] = [
  {
    name: "stores how far it has read before the events are taken in",
    breaks: "AD-LIFE-05",
    // What lies before a position by less than ten minutes is read again there, so that one stored too early loses nothing.
    notOnSlack: true,
    breaker: (real) =>
      withSink(real, (sink) => ({
        ingest: async (envelope) => {
          // The event is on its way; that it arrives is nobody's business any more.
          pause(400)
            .then(() => sink.ingest(envelope))
            .catch(() => undefined);
          return { eventId: "soon", duplicate: false };
        },
      })),
  },
  {
    name: "begins with what is said after its start",
    breaks: "AD-LIFE-06",
    breaker: (real) =>
      variantOf(real, {
        start: (sink, signal) => {
          const startedAt = new Date().toISOString();
          const deaf: typeof sink = {
            ...sink,
            ingest: (envelope, options) =>
              envelope.occurredAt <= startedAt
                ? Promise.resolve({ eventId: "old", duplicate: false })
                : sink.ingest(envelope, options),
          };
          return real.start(deaf, signal);
        },
      }),
  },
];
