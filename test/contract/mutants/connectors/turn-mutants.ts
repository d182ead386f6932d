import { randomUUID } from "node:crypto";
import { createWebhookConnector } from "../../../../agents/webhook/index.ts";
import type { ConnectorEvent } from "../../../../src/contracts/connector.ts";
import { ParleyError } from "../../../../src/errors/parley-error.ts";
import { type ConnectorMutant, withInvoke } from "./mutant.ts";

export const turnMutants: readonly ConnectorMutant[] = [
  {
    name: "says twice that it is done",
    breaks: ["CO-INV-01", "CO-INV-02"],
    create: (config, options) =>
      withInvoke(createWebhookConnector(config, options), async function* (real, request, io) {
        for await (const event of real.invoke(request, io)) {
          yield event;
          if (event.type === "done") yield event;
        }
      }),
  },
  {
    name: "hands parts on before the text that came first",
    breaks: ["CO-INV-01"],
    create: (config, options) =>
      withInvoke(createWebhookConnector(config, options), async function* (real, request, io) {
        const texts: ConnectorEvent[] = [];
        for await (const event of real.invoke(request, io)) {
          if (event.type === "text_delta") texts.push(event);
          else if (event.type === "part") yield event;
          else {
            yield* texts;
            yield event;
          }
        }
      }),
  },
  {
    name: "forgets that a reply was put off",
    breaks: ["CO-INV-01"],
    create: (config, options) =>
      withInvoke(createWebhookConnector(config, options), async function* (real, request, io) {
        for await (const event of real.invoke(request, io)) if (event.type !== "deferred") yield event;
      }),
  },
  {
    name: "keeps one buffer for all turns",
    breaks: ["CO-INV-02"],
    create(config, options) {
      const buffer: ConnectorEvent[] = [];
      return withInvoke(createWebhookConnector(config, options), async function* (real, request, io) {
        for await (const event of real.invoke(request, io)) {
          if (event.type !== "text_delta") {
            yield* buffer.splice(0);
            yield event;
            continue;
          }
          buffer.push(event);
        }
      });
    },
  },
  {
    name: "makes a new key for each attempt",
    breaks: ["CO-INV-03"],
    create: (config, options) =>
      withInvoke(createWebhookConnector(config, options), (real, request, io) =>
        real.invoke({ ...request, turnId: randomUUID() }, io),
      ),
  },
  {
    name: "gives every turn the same key",
    breaks: ["CO-INV-03"],
    create: (config, options) =>
      withInvoke(createWebhookConnector(config, options), (real, request, io) =>
        real.invoke({ ...request, turnId: "turn" }, io),
      ),
  },
  {
    name: "calls an answer without end a crash",
    breaks: ["CO-ERR-01"],
    create: (config, options) =>
      withInvoke(createWebhookConnector(config, options), async function* (real, request, io) {
        try {
          yield* real.invoke(request, io);
        } catch (thrown) {
          throw thrown instanceof ParleyError && thrown.code === "AGENT_REPLY_TOO_LARGE"
            ? new ParleyError("AGENT_CRASHED")
            : thrown;
        }
      }),
  },
  {
    name: "throws from its check",
    breaks: ["CO-ERR-01"],
    create(config, options) {
      const real = createWebhookConnector(config, options);
      return {
        ...withInvoke(real, (_real, request, io) => real.invoke(request, io)),
        async check(signal) {
          const result = await real.check(signal);
          if (!result.ok) throw new Error(result.detail);
          return result;
        },
      };
    },
  },
  {
    name: "takes half an answer for a whole one",
    breaks: ["CO-ERR-02"],
    create: (config, options) =>
      withInvoke(createWebhookConnector(config, options), async function* (real, request, io) {
        let hasText = false;
        try {
          for await (const event of real.invoke(request, io)) {
            hasText ||= event.type === "text_delta";
            yield event;
          }
        } catch (thrown) {
          if (!hasText || !(thrown instanceof ParleyError) || thrown.code !== "AGENT_CRASHED") throw thrown;
          yield { type: "done" };
        }
      }),
  },
];
