/** What a post may begin with to become a command; the pipeline carries it out. */
export const WEB_COMMANDS = [
  { name: "stop", usage: "/stop [@agent]", description: "Stop what agents are doing in this room or thread." },
  { name: "agents", usage: "/agents", description: "Show the agents that are in this room." },
  { name: "help", usage: "/help", description: "Show what can be done here." },
  { name: "ask", usage: "/ask @agent question", description: "Ask an agent." },
] as const;

export interface ParsedCommand {
  readonly command: string;
  readonly text: string;
}

/** Undefined for everything that is no known command: such a post is plain text. */
export function parseCommand(text: string): ParsedCommand | undefined {
  const match = /^\/([a-z]+)(?:\s+([\s\S]*))?$/.exec(text.trim());
  const command = WEB_COMMANDS.find(({ name }) => name === match?.[1]);
  return command === undefined ? undefined : { command: command.name, text: (match?.[2] ?? "").trim() };
}
