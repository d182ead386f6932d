import type { AgentConnector, CommandResult, ToolAccess, TurnFiles, TurnRequest } from "../../contracts/connector.ts";
import type { TurnRequests } from "../../contracts/turn-requests.ts";
import type { TurnTool } from "../../contracts/turn-tool.ts";
import type { ReplyPart } from "../../envelope/reply.ts";
import { sessionKeyOf } from "../assemble/session-key.ts";
import { toTrigger } from "../assemble/transcript.ts";
import type { Invocation } from "../invoke/invoke-agent.ts";
import type { RunnableTurn } from "../invoke/runnable-turn.ts";
import { heardIn } from "../invoke/shadow.ts";
import { withBrokenAnswers } from "./broken-brackets.ts";
import type { ToolDesk } from "./tool-desk.ts";
import type { ToolTurn } from "./tool-spec.ts";
import type { TurnCommands } from "./turn-commands.ts";

/** What a turn's agent is given beside its request, and what becomes of what it did with that. */
export interface TurnKit {
  /** What is called: its text has no commands any more. */
  readonly connector: AgentConnector;
  readonly tools: readonly TurnTool[];
  /** Absent where no address is known. */
  readonly access: { readonly toolAccess?: () => ToolAccess };
  /** The reply with the files that were attached, once its commands were carried out. */
  finish(invocation: Invocation, signal: AbortSignal): Promise<Invocation>;
  /** Ends its tools, wherever they are used. */
  close(): void;
}

export interface TurnKits {
  open(
    turn: RunnableTurn,
    connector: AgentConnector,
    given: {
      readonly request: TurnRequest;
      readonly files: TurnFiles | undefined;
      readonly requests: TurnRequests | undefined;
      /** Stops the turn's clock until the returned function is called. */
      readonly pause: () => () => void;
    },
  ): TurnKit;
  /** A reply that came later, to the turn's reply address. */
  finishDeferred(
    turn: RunnableTurn,
    connector: AgentConnector,
    invocation: Invocation,
    signal: AbortSignal,
  ): Promise<Invocation>;
  /** What the commands of the agent's last reply here came to, for its request. */
  resultsFor(
    turn: RunnableTurn,
    connector: AgentConnector,
  ): Promise<{ readonly commandResults?: readonly CommandResult[] }>;
}

export interface TurnKitPorts {
  readonly desk: ToolDesk;
  readonly commands: TurnCommands;
  readonly tools: (of: ToolTurn) => readonly TurnTool[];
}

/** How long the commands of one reply may take together, in ms. */
const COMMANDS_TIMEOUT_MS = 900_000;

export function createTurnKits({ desk, commands, tools: toolsOf }: TurnKitPorts): TurnKits {
  function prepare(
    turn: RunnableTurn,
    connector: AgentConnector,
    given: Omit<ToolTurn, "turn" | "attach">,
    /** The reply came whole, and was filtered by nobody yet. */
    late: boolean,
  ): Omit<TurnKit, "access" | "close"> {
    const attached: ReplyPart[] = [];
    const filter = commands.filterFor(turn, connector);
    const bare = toolsOf({ ...given, turn, attach: (part) => void attached.push(part) });
    const tools = filter === undefined ? bare : withBrokenAnswers(bare);
    return {
      connector: filter?.wrap(connector) ?? connector,
      tools,
      async finish(invocation, signal) {
        if (invocation.kind !== "reply") return invocation;
        const parts = late ? (filter?.strip(invocation.parts) ?? invocation.parts) : invocation.parts;
        if (filter !== undefined) {
          const bounded = AbortSignal.any([signal, AbortSignal.timeout(COMMANDS_TIMEOUT_MS)]);
          await commands.carryOut(turn, filter.commands, tools, bounded);
        }
        return { ...invocation, parts: [...parts, ...attached] };
      },
    };
  }

  return {
    open(turn, connector, given) {
      const { pause, ...rest } = given;
      const standStill: ToolTurn["standStill"] = async (wait) => {
        const resume = pause();
        try {
          return await wait();
        } finally {
          resume();
        }
      };
      const kit = prepare(turn, connector, { ...rest, standStill }, false);
      const place = desk.open(turn, kit.tools);
      const first = place.access();
      return {
        ...kit,
        access: first === undefined ? {} : { toolAccess: () => place.access() ?? first },
        close: () => place.close(),
      };
    },
    async finishDeferred(turn, connector, invocation, signal) {
      return await prepare(turn, connector, unasked(turn), true).finish(invocation, signal);
    },
    async resultsFor(turn, connector) {
      const commandResults = await commands.resultsFor(turn, connector);
      return commandResults.length === 0 ? {} : { commandResults };
    },
  };
}

/** What there is of a turn that is not being invoked. */
export function unasked(turn: RunnableTurn): Omit<ToolTurn, "turn" | "attach"> {
  const { organizationId, installationId, agent } = turn;
  const { conversationId, path } = heardIn(turn);
  return {
    files: undefined,
    requests: undefined,
    standStill: async (wait) => await wait(),
    request: {
      turnId: turn.turnId,
      attempt: turn.attempt,
      organizationId,
      agent: agent.identity,
      sessionKey: sessionKeyOf({ organizationId, agentId: agent.agentId, installationId, path }),
      reason: turn.reason,
      conversation: { platform: turn.platform, conversationId, path },
      trigger: toTrigger(turn.envelope, turn.conversationId, turn.currentContent),
      transcript: [],
      roster: [],
      deadlineAt: turn.deadlineAt.toISOString(),
    },
  };
}
