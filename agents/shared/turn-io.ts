import type { TurnIo } from "../../src/contracts/connector.ts";

/** Guarantees the same turn with another signal; written out, since the original may be an object of a class. */
export function withSignal(io: TurnIo, signal: AbortSignal): TurnIo {
  return {
    signal,
    steering: io.steering,
    tools: io.tools,
    logger: io.logger,
    replyUrl: () => io.replyUrl(),
    ...(io.files === undefined ? {} : { files: io.files }),
    ...(io.requests === undefined ? {} : { requests: io.requests }),
    ...(io.callOffQuestions === undefined ? {} : { callOffQuestions: io.callOffQuestions }),
    ...(io.session === undefined ? {} : { session: io.session }),
    ...(io.notSilent === undefined ? {} : { notSilent: io.notSilent }),
    ...(io.toolAccess === undefined ? {} : { toolAccess: io.toolAccess }),
  };
}
