import type { Command } from "commander";
import { addAgentReplayCommand } from "./agent-replay-command.ts";
import { addAgentRunCommand } from "./agent-run-command.ts";
import { addAgentTestCommand } from "./agent-test-command.ts";

/** `parley agent …`: what authors of agents use while they write one; `parley agents` is the group for agents that are registered. */
export function addAgentAuthorCommands(program: Command): void {
  const agent = program.command("agent").description("for authors of agents: run, test and replay");
  addAgentRunCommand(agent);
  addAgentTestCommand(agent);
  addAgentReplayCommand(agent);
}
