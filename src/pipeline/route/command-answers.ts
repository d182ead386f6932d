import type { OrganizationPolicies } from "../../access/policy-book.ts";
import type { EnvelopeOf } from "../../envelope/envelope.ts";
import { classOf } from "../agent-grant.ts";
import type { DirectoryAgent } from "../directory.ts";
import { agentsToAsk } from "./agents-here.ts";

/** What Parley itself answers to a command, seen by the caller alone: of agents, only those that the caller could ask there. Pure. */
export function answerCommand(
  envelope: EnvelopeOf<"command_invoked">,
  stopped: number,
  agents: readonly DirectoryAgent[],
  policies: OrganizationPolicies,
): string {
  switch (envelope.body.command) {
    case "stop":
      return stopped === 0 ? "No agent is at work here." : `Stopped ${stopped} ${stopped === 1 ? "turn" : "turns"}.`;
    case "pause":
      return "The agents are silent here until somebody gives the command `resume`.";
    case "resume":
      return "The agents take part here again.";
    case "agents": {
      const found = agentsToAsk(envelope, agents, policies);
      if (found.length === 0) return "There are no agents here that you can ask.";
      const isOwnerShown = OWN_PEOPLE.has(classOf(envelope.sender));
      return found
        .map(
          ({ handle, definition }) =>
            `• @${handle} (${definition.name}${definition.owner === undefined || !isOwnerShown ? "" : `, of ${definition.owner}`})${definition.description ? `: ${definition.description}` : ""}`,
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

/** Who is told whose the agents are. */
const OWN_PEOPLE: ReadonlySet<string> = new Set(["member", "admin"]);

/** The first word of what was typed, short and without what would end the code span it stands in. */
function plainWord(text: string): string {
  return (/^\S+/u.exec(text)?.[0] ?? "").replaceAll("`", "").slice(0, 40);
}
