import type { IncomingMessage } from "node:http";
import { ParleyError } from "../../src/errors/parley-error.ts";

/**
 * Collects the body of a request, at most `maxBytes` of it and for at most `timeoutMs`.
 *
 * Rejects with PAYLOAD_TOO_LARGE before more than that is held in memory, with PAYLOAD_MALFORMED when the body is cut off or comes too slowly.
 */
export function readBody(
  request: IncomingMessage,
  { maxBytes, timeoutMs }: { readonly maxBytes: number; readonly timeoutMs: number },
): Promise<Buffer> {
  const tooLarge = (): ParleyError => new ParleyError("PAYLOAD_TOO_LARGE", { facts: { maxBytes } });
  if (Number(request.headers["content-length"] ?? 0) > maxBytes) return Promise.reject(tooLarge());
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const timer = setTimeout(
      () => settle(() => reject(new ParleyError("PAYLOAD_MALFORMED", { detail: "the body came too slowly" }))),
      timeoutMs,
    );
    const settle = (end: () => void): void => {
      clearTimeout(timer);
      request.off("data", onData).off("end", onEnd).off("error", onBroken).off("close", onBroken);
      end();
    };
    const onData = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes > maxBytes) return settle(() => reject(tooLarge()));
      chunks.push(chunk);
      // Node would go on reading up to 2 MiB of this one sender while all the others wait.
      request.pause();
      setImmediate(() => request.resume());
    };
    const onEnd = (): void => {
      const only = chunks[0];
      settle(() => resolve(chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks)));
    };
    const onBroken = (): void =>
      settle(() => reject(new ParleyError("PAYLOAD_MALFORMED", { detail: "the body was cut off" })));
    request.on("data", onData).on("end", onEnd).on("error", onBroken).on("close", onBroken);
  });
}
