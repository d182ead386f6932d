import type { Command } from "commander";

/** `parley agent …`: what authors of agents use while they write one; `parley agents` is the group for agents that are registered. */
export function addAgentAuthorCommands(program: Command): void {
  program.command("agent").description("for authors of agents: run, test and replay");
}
