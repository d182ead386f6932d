import type { AgentConnector, CommandResult } from "../../contracts/connector.ts";
import type { TurnTool } from "../../contracts/turn-tool.ts";
import { ParleyError } from "../../errors/parley-error.ts";
import type { CommandResultStore } from "../../ledger/command-results.ts";
import type { Database } from "../../ledger/connection/database.ts";
import { recordSources } from "../../ledger/turn-sources.ts";
import { sessionKeyOf } from "../assemble/session-key.ts";
import type { RunnableTurn } from "../invoke/runnable-turn.ts";
import { heardIn } from "../invoke/shadow.ts";
import { type CommandFilter, createCommandFilter, MAX_COMMANDS } from "./command-filter.ts";
import type { WrittenCommand } from "./command-parser.ts";
import { errorOf, isToolError, toolError } from "./tool-answer.ts";

/** Commands in what agents write: who may use them, what they come to, and how the next turn learns of it. */
export interface TurnCommands {
  /** Undefined for an agent of which what it writes is taken as it is. */
  filterFor(turn: RunnableTurn, connector: AgentConnector): CommandFilter | undefined;
  /** What the commands of the agent's last reply here came to. Who asks now must be who asked then where another conversation was read for it. */
  resultsFor(turn: RunnableTurn, connector: AgentConnector): Promise<readonly CommandResult[]>;
  /** Carries the commands of a reply out, one after another, and keeps what they came to for the agent's next turn here. */
  carryOut(
    turn: RunnableTurn,
    commands: readonly WrittenCommand[],
    tools: readonly TurnTool[],
    signal: AbortSignal,
  ): Promise<void>;
}

/** Most of what a command came to that is kept, in characters of JSON. */
const MAX_RESULT_CHARS = 32_768;

export function createTurnCommands(ports: {
  readonly database: Database;
  readonly owner: string;
  readonly results: CommandResultStore;
}): TurnCommands {
  const placeOf = (turn: RunnableTurn): Parameters<CommandResultStore["read"]>[0] => {
    const { organizationId, installationId, agent } = turn;
    const { path } = heardIn(turn);
    const { agentId } = agent;
    return { organizationId, agentId, sessionKey: sessionKeyOf({ organizationId, agentId, installationId, path }) };
  };
  const fenceOf = ({ turnId, epoch }: RunnableTurn) => ({ turnId, epoch, owner: ports.owner });

  /** Turns that were given results, which are forgotten with them. */
  const told = new WeakSet<RunnableTurn>();

  return {
    filterFor(turn, connector) {
      return usesCommands(turn, connector) ? createCommandFilter() : undefined;
    },
    async resultsFor(turn, connector) {
      if (!usesCommands(turn, connector)) return [];
      const kept = await ports.results.read(placeOf(turn), turn.turnId);
      if (kept.length > 0) told.add(turn);
      const given: CommandResult[] = [];
      for (const { results, sources, askerId } of kept) {
        if (sources.length === 0) given.push(...results);
        else if (askerId !== turn.envelope.sender.id) given.push(...results.map(withheld));
        else {
          // What it was given then binds where this reply may go, as if it had read it now.
          await turn.sources.beginReading();
          turn.sources.add(sources);
          const { organizationId } = turn;
          const stored = await recordSources(ports.database, {
            fence: fenceOf(turn),
            organizationId,
            sources,
            audit: sources.map(({ installationId, channelId, threadId, messageIds }) => ({
              what: "context_read" as const,
              by: turn.agent.agentId,
              turn: turn.turnId,
              rule: "read_by_an_earlier_command",
              source: { installationId, channelId, threadId },
              messages: [...messageIds],
            })),
          });
          if (!stored) throw new ParleyError("LEASE_LOST", { detail: "the turn ended while it was put together" });
          given.push(...results);
        }
      }
      return given;
    },
    async carryOut(turn, commands, tools, signal) {
      // With nothing to keep and nothing to forget, the ledger is left in peace.
      if (commands.length === 0 && !told.has(turn)) return;
      const results: CommandResult[] = [];
      for (const [index, command] of commands.entries()) {
        const { name } = command;
        const result = index >= MAX_COMMANDS ? TOO_MANY : await carryOutOne(command, tools, signal).catch(errorOf);
        results.push({ name, ok: !isToolError(result), result: bounded(result) });
      }
      const askerId = turn.envelope.sender.id;
      await ports.results.write(placeOf(turn), { fence: fenceOf(turn), askerId, results });
    },
  };
}

function usesCommands(turn: RunnableTurn, connector: AgentConnector): boolean {
  return turn.agent.definition.bracketCommands ?? connector.features.tools !== true;
}

const TOO_MANY = toolError(`a reply may hold ${MAX_COMMANDS} commands`);

async function carryOutOne(
  command: WrittenCommand,
  tools: readonly TurnTool[],
  signal: AbortSignal,
): Promise<CommandResult["result"]> {
  if ("problem" in command) return toolError(`the command was not carried out: ${command.problem}`);
  const tool = tools.find(({ name }) => name === command.name);
  if (tool === undefined) return toolError(`there is no command ${command.name}`);
  return await tool.execute(command.input, signal);
}

function bounded(result: CommandResult["result"]): CommandResult["result"] {
  const text = JSON.stringify(result) ?? "null";
  return text.length <= MAX_RESULT_CHARS
    ? result
    : { cut: true, beginning: text.slice(0, MAX_RESULT_CHARS).toWellFormed() };
}

function withheld({ name, ok }: CommandResult): CommandResult {
  return { name, ok, result: { note: "not told: somebody else asks now, who may not read what was read for it" } };
}
