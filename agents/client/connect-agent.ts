import type { ParleyFrame } from "../../src/contracts/dial-in-protocol.ts";
import { AgentClientError } from "./client-error.ts";
import { DialInSocket } from "./dial-in-socket.ts";
import { socketAddress } from "./socket-address.ts";
import { TurnDesk, type TurnHandler } from "./turn-desk.ts";

const DRAIN_MS = 10_000;
const CLIENT = { name: "parley/agent", version: "1" } as const;

export interface ConnectOptions {
  /** Where Parley is: `https://parley.example.org`. */
  readonly url: string;
  /** The agent's token, as it was shown once. */
  readonly token: string;
  /** Messages that arrive during a turn come by `turn.steering`. Default: they wait for the turn's end. */
  readonly steer?: boolean;
  /** Turns worked on at once, 1 to 1000. Default 32. */
  readonly maxTurns?: number;
  /** Gets lines about lost connections and failed turns. Default: standard error. */
  readonly log?: (line: string) => void;
}

/** An agent that has dialled in. */
export interface ConnectedAgent {
  readonly agentId: string;
  readonly handle: string;
  readonly name: string;
  /** Resolves after `close`; rejects with an AgentClientError that says why Parley does not want this process any more. */
  readonly closed: Promise<void>;
  /** Takes no further turns, waits for those that run up to `drainMs` (default 10 s), and leaves. */
  close(options?: { readonly drainMs?: number }): Promise<void>;
}

/**
 * Dials in to Parley and answers turns with `handler`, many at a time. No public address is needed.
 *
 * Resolves once Parley has said welcome, however long that takes while it cannot be reached; the connection comes back by itself after
 * every drop, and replies that were under way arrive whole and once. Throws an AgentClientError when Parley refuses the token.
 */
export function connectAgent(options: ConnectOptions, handler: TurnHandler): Promise<ConnectedAgent> {
  const log = options.log ?? ((line: string) => void process.stderr.write(`${line}\n`));
  const welcomed = Promise.withResolvers<ConnectedAgent>();
  const closed = Promise.withResolvers<void>();
  // Whoever does not wait for it has the line in the log.
  closed.promise.catch(() => undefined);

  const desk = new TurnDesk(handler, { send: (frame) => socket.send(frame), log });
  const socket = new DialInSocket({
    address: socketAddress(options.url),
    hello: () => ({
      token: options.token,
      client: CLIENT,
      capabilities: { steer: options.steer === true, tools: true, maxTurns: options.maxTurns ?? 32 },
      turns: desk.named(),
    }),
    onWelcome: ({ agent, turns }) => {
      desk.welcome(turns);
      welcomed.resolve(handleOf(agent));
    },
    onFrame: (frame: ParleyFrame) => desk.take(frame),
    onEnd: (error) => {
      desk.end(error);
      welcomed.reject(error);
      if (error.code === "closed") return closed.resolve();
      log(`The agent has ended: ${error.message}.`);
      closed.reject(error);
    },
    log,
  });

  function handleOf(agent: { agentId: string; handle: string; name: string }): ConnectedAgent {
    return {
      ...agent,
      closed: closed.promise,
      async close({ drainMs = DRAIN_MS } = {}) {
        let timer: NodeJS.Timeout | undefined;
        const late = new Promise<void>((resolve) => {
          timer = setTimeout(resolve, drainMs);
        });
        await Promise.race([desk.drain(), late]);
        clearTimeout(timer);
        socket.close();
      },
    };
  }

  if (options.token === "")
    return Promise.reject(new AgentClientError("unauthenticated", "the token is empty; set PARLEY_TOKEN"));
  socket.open();
  return welcomed.promise;
}
