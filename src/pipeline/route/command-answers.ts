import type { EnvelopeOf } from "../../envelope/envelope.ts";
import type { DirectoryAgent } from "../directory.ts";

/** What Parley itself answers to a command, seen by the caller alone. Pure. */
export function answerCommand(
  envelope: EnvelopeOf<"command_invoked">,
  stopped: number,
  agents: readonly DirectoryAgent[],
): string {
  switch (envelope.body.command) {
    case "stop":
      return stopped === 0 ? "No agent is at work here." : `Stopped ${stopped} ${stopped === 1 ? "turn" : "turns"}.`;
    case "pause":
      return "The agents are silent here until somebody gives the command `resume`.";
    case "resume":
      return "The agents take part here again.";
    case "agents": {
      const active = agents.filter((agent) => agent.status === "active");
      if (active.length === 0) return "There are no agents yet.";
      return active
        .map(
          ({ handle, definition }) =>
            `• @${handle} (${definition.name}${definition.owner === undefined ? "" : `, of ${definition.owner}`})${definition.description ? `: ${definition.description}` : ""}`,
        )
        .join("\n");
    }
    default:
      return [
        // Adapters hand what is no command in as a call for help, with what was typed.
        ...(envelope.body.text === "" ? [] : [`There is no command \`${plainWord(envelope.body.text)}\`.`]),
        "`ask @agent your question`: asks an agent",
        "`agents`: lists the agents",
        "`invite @agent`: lets an agent take part here; `uninvite @agent` ends that",
        "`takeover @agent`: makes another member's invitation yours",
        "`stop`: stops the agents at work here",
        "`pause`: keeps all agents silent here until `resume`; in a thread that takes no commands, name Parley and say `pause`",
        "`schedules`: shows what agents will do here later; `schedules cancel id` ends one",
        "`help`: shows this",
      ].join("\n");
  }
}

/** The first word of what was typed, short and without what would end the code span it stands in. */
function plainWord(text: string): string {
  return (/^\S+/u.exec(text)?.[0] ?? "").replaceAll("`", "").slice(0, 40);
}
