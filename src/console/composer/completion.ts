import type { WebAgent, WebCommand, WebPerson } from "../api/protocol.ts";
import { type AvatarOf, agentFace } from "../ui/avatar.tsx";

const MOST_OFFERED = 8;

export interface CompletionOption {
  readonly key: string;
  readonly title: string;
  readonly detail: string;
  readonly face: AvatarOf | undefined;
  readonly isAgent: boolean;
  /** What takes the place of the typed beginning, space included. */
  readonly insert: string;
}

/** The beginning of a mention or command that ends at the caret. */
export interface Trigger {
  readonly kind: "mention" | "command";
  readonly start: number;
  readonly query: string;
}

/**
 * Finds what is being completed at the caret: `@…` after a word boundary, or `/…` at the very beginning.
 *
 * Nothing within inline code or an e-mail address; a mention may contain one space, because people's names do.
 */
export function findTrigger(text: string, caret: number): Trigger | undefined {
  const before = text.slice(0, caret);
  const command = /^\/([a-z-]*)$/i.exec(before);
  if (command) return { kind: "command", start: 0, query: (command[1] ?? "").toLowerCase() };
  const mention = /(?:^|[\s([{"'])@([\p{L}\p{N}_.-]*(?: [\p{L}\p{N}_.-]*)?)$/u.exec(before);
  if (!mention || isInCode(before)) return undefined;
  const query = mention[1] ?? "";
  return { kind: "mention", start: caret - query.length - 1, query: query.toLowerCase() };
}

/** Agents before people before everyone; beginnings before inner matches; at most 8. */
export function mentionOptions(
  query: string,
  agents: readonly WebAgent[],
  people: readonly WebPerson[],
): CompletionOption[] {
  const options: (CompletionOption & { words: readonly string[] })[] = [
    ...agents.map((agent) => ({
      key: `agent ${agent.handle}`,
      title: agent.name,
      detail: `@${agent.handle}${agent.status === "paused" ? " · paused" : ""}`,
      face: agentFace(agent),
      isAgent: true,
      insert: `@${agent.handle} `,
      words: [agent.handle, agent.name],
    })),
    ...people.map((person) => ({
      key: `person ${person.id}`,
      title: person.name,
      detail: person.online ? "online" : "offline",
      face: { ...person, kind: "person" as const },
      isAgent: false,
      insert: `@${person.name} `,
      words: [person.name],
    })),
    {
      key: "everyone",
      title: "everyone",
      detail: "all people of this room",
      face: undefined,
      isAgent: false,
      insert: "@everyone ",
      words: ["everyone"],
    },
  ];
  const rank = (words: readonly string[]) => {
    if (words.some((word) => word.toLowerCase().startsWith(query))) return 0;
    // One letter inside a name is no hint of it.
    return query.length > 1 && words.some((word) => word.toLowerCase().includes(query)) ? 1 : 2;
  };
  return options
    .map((option) => ({ option, rank: rank(option.words) }))
    .filter((ranked) => ranked.rank < 2)
    .sort((a, b) => a.rank - b.rank)
    .slice(0, MOST_OFFERED)
    .map(({ option: { words: _words, ...option } }) => option);
}

export function commandOptions(query: string, commands: readonly WebCommand[]): CompletionOption[] {
  return commands
    .filter((command) => bare(command.name).startsWith(query))
    .slice(0, MOST_OFFERED)
    .map((command) => ({
      key: command.name,
      title: command.usage,
      detail: command.description,
      face: undefined,
      isAgent: false,
      insert: `/${bare(command.name)} `,
    }));
}

function bare(name: string): string {
  return name.replace(/^\//, "").toLowerCase();
}

function isInCode(before: string): boolean {
  const fences = before.split("```").length - 1;
  if (fences % 2 === 1) return true;
  const line = before.slice(before.lastIndexOf("\n") + 1);
  return (line.split("`").length - 1) % 2 === 1;
}
