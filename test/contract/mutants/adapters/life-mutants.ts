import { inspect } from "node:util";
import type { Target } from "../../../../src/contracts/adapter.ts";
import type { AdapterSink } from "../../../../src/contracts/adapter-sink.ts";
import { ParleyError } from "../../../../src/errors/parley-error.ts";
import { type AdapterMutant, variantOf, withSend, withSink } from "./mutant.ts";

const NOWHERE: Target = {
  organizationId: "acme",
  installationId: "none",
  conversation: { space: { id: "T0" }, channel: { id: "C0", kind: "public", external: false } },
};

export const lifeMutants: readonly AdapterMutant[] = [
  {
    name: "calls the platform as soon as it is made",
    breaks: "AD-LIFE-01",
    onSlackAlone: true,
    onDiscordToo: true,
    breaker: (real, { writeDirectly }) => {
      // The platform refuses; that it was asked is the fault.
      writeDirectly(NOWHERE, "hello").catch(() => undefined);
      return real;
    },
  },
  {
    name: "hands every event in twice after a second start",
    breaks: "AD-LIFE-02",
    breaker: (real) => {
      let starts = 0;
      return variantOf(real, {
        start: (sink, signal) => {
          starts += 1;
          const twice: AdapterSink = {
            ...sink,
            ingest: async (envelope) => {
              for (let time = 1; time < starts; time++) await sink.ingest(envelope);
              return await sink.ingest(envelope);
            },
          };
          return real.start(twice, signal);
        },
      });
    },
  },
  {
    name: "fails when it is stopped twice",
    breaks: "AD-LIFE-02",
    breaker: (real) => {
      let stopped = false;
      return variantOf(real, {
        stop: async () => {
          if (stopped) throw new Error("stopped already");
          stopped = true;
          await real.stop();
          setTimeout(() => {
            stopped = false;
          }, 20);
        },
      });
    },
  },
  {
    name: "does not close anything when it is stopped",
    breaks: "AD-LIFE-03",
    onSlackAlone: true,
    onDiscordToo: true,
    breaker: (real) => variantOf(real, { stop: async () => undefined }),
  },
  {
    name: "does not wait for what is being ingested",
    breaks: "AD-LIFE-03",
    breaker: (real) =>
      variantOf(real, {
        stop: async () => {
          real.stop().catch(() => undefined);
        },
      }),
  },
  {
    name: "goes on with a send that was called off",
    breaks: "AD-LIFE-04",
    breaker: (real) => withSend(real, (post, send) => send({ ...post, signal: new AbortController().signal })),
  },
  {
    name: "logs what people write",
    breaks: "AD-LOG-01",
    breaker: (real) =>
      withSink(real, (sink) => ({
        ingest: (envelope) => {
          sink.logger.debug({ body: envelope.body }, "event");
          return sink.ingest(envelope);
        },
      })),
  },
  {
    name: "quotes the message in its errors",
    breaks: "AD-LOG-01",
    breaker: (real) =>
      withSend(real, (post, send) =>
        send(post).catch((error: unknown) => {
          if (error instanceof ParleyError) Object.assign(error, { post: JSON.stringify(post.body) });
          throw error;
        }),
      ),
  },
  {
    name: "logs the token",
    breaks: "AD-LOG-01",
    onSlackAlone: true,
    breaker: (real) =>
      variantOf(real, {
        start: async (sink, signal) => {
          await real.start(sink, signal);
          sink.logger.info(
            { installations: inspect(await sink.installations.list(real.platform), { depth: 5 }) },
            "up",
          );
        },
      }),
  },
  {
    name: "prints what it sends",
    breaks: "AD-LOG-01",
    breaker: (real) =>
      withSend(real, async (post, send) => {
        const receipt = await send(post);
        console.log(post.fallbackText);
        return receipt;
      }),
  },
];
