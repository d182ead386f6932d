/** What a post may begin with to become a command; the pipeline carries it out. */
export const WEB_COMMANDS = [
  { name: "stop", usage: "/stop [@agent]", description: "Stop what agents are doing in this room or thread." },
  {
    name: "pause",
    usage: "/pause",
    description: "Keep all agents silent in this room or thread until you resume them.",
  },
  { name: "resume", usage: "/resume", description: "Let the agents take part again." },
  { name: "agents", usage: "/agents", description: "Show the agents that are in this room." },
  { name: "invite", usage: "/invite @agent", description: "Let an agent take part in this room." },
  { name: "uninvite", usage: "/uninvite @agent", description: "End an agent's invitation into this room." },
  { name: "takeover", usage: "/takeover @agent", description: "Make another member's invitation of an agent yours." },
  {
    name: "schedules",
    usage: "/schedules [cancel id]",
    description: "Show what agents will do here later, or end one of these.",
  },
  { name: "help", usage: "/help", description: "Show what can be done here." },
  { name: "ask", usage: "/ask @agent question", description: "Ask an agent." },
] as const;

export interface ParsedCommand {
  readonly command: string;
  readonly text: string;
}

/**
 * Undefined for what is no command: such a post is plain text, as is a path (`/etc/hosts`).
 *
 * A word that is no command asks for help, with what was typed: who mistypes gets a hint of their own instead of a post.
 */
export function parseCommand(text: string): ParsedCommand | undefined {
  const typed = text.trim();
  const match = /^\/([a-z]+)(?:\s+([\s\S]*))?$/i.exec(typed);
  if (match === null) return undefined;
  const command = WEB_COMMANDS.find(({ name }) => name === match[1]?.toLowerCase());
  if (command === undefined) return { command: "help", text: typed };
  return { command: command.name, text: (match[2] ?? "").trim() };
}
