import { createHmac } from "node:crypto";
import { fastify } from "fastify";
import type { ChatAdapter } from "../../../../src/contracts/adapter.ts";

const PATH = "/slack/events";

interface Delivered {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * Mounts Slack's adapter behind a door of its own: what `pass` gives back goes on to the real receiver, signed anew; when it gives
 * nothing, the request goes on as it came.
 */
export function remount(
  real: ChatAdapter,
  signingSecret: string,
  pass: (delivered: Delivered) => string | undefined,
): NonNullable<ChatAdapter["mount"]> {
  return async (server) => {
    const inner = fastify({ bodyLimit: 10_000_000 });
    await real.mount?.(inner);
    await server.register(async (scope) => {
      scope.removeAllContentTypeParsers();
      scope.addContentTypeParser("*", { parseAs: "string", bodyLimit: 10_000_000 }, (_request, body, done) =>
        done(null, body),
      );
      scope.post(PATH, async (request, reply) => {
        const headers = Object.fromEntries(
          Object.entries(request.headers).filter(([name]) => name.startsWith("x-slack-") || name === "content-type"),
        ) as Record<string, string>; // these headers come once
        const body = String(request.body);
        const changed = pass({ headers, body });
        const timestamp = String(Math.floor(Date.now() / 1000));
        const mac = createHmac("sha256", signingSecret).update(`v0:${timestamp}:${changed}`).digest("hex");
        const signed = { "x-slack-request-timestamp": timestamp, "x-slack-signature": `v0=${mac}` };
        const answer = await inner.inject({
          method: "POST",
          url: PATH,
          headers: changed === undefined ? headers : { ...headers, ...signed },
          payload: changed ?? body,
        });
        return reply.code(answer.statusCode).send(answer.body);
      });
    });
  };
}

export function isSigned({ headers, body }: Delivered, signingSecret: string): boolean {
  const mac = createHmac("sha256", signingSecret).update(`v0:${headers["x-slack-request-timestamp"]}:${body}`);
  return headers["x-slack-signature"] === `v0=${mac.digest("hex")}`;
}
