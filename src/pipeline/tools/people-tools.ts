import { z } from "zod";
import type { JsonValue } from "../../contracts/json.ts";
import type { Rosters } from "../assemble/roster.ts";
import type { RunnableTurn } from "../invoke/runnable-turn.ts";
import { heardIn } from "../invoke/shadow.ts";
import type { ToolSpec } from "./tool-spec.ts";

const NoInput = z.strictObject({});

/** Who is in the conversation's channel. */
export function peopleTools(rosters: Rosters, turn: RunnableTurn): readonly ToolSpec[] {
  const members = async (): Promise<Awaited<ReturnType<Rosters["of"]>>> =>
    await rosters.of(turn.organizationId, turn.installationId, heardIn(turn).path);
  return [
    {
      name: "roster",
      description:
        "Lists the people and agents who are in this conversation's channel, with the ids that other tools take.",
      input: NoInput,
      effect: "read",
      needs: "read_roster",
      async execute() {
        return (await members()).map(
          (entry): JsonValue => ({
            id: entry.id,
            name: entry.name,
            kind: entry.kind,
            ...(entry.handle === undefined ? {} : { handle: `@${entry.handle}` }),
            ...(entry.description ? { description: entry.description } : {}),
          }),
        );
      },
    },
    {
      name: "agents",
      description: "Lists the agents that are members of this conversation's channel, which `ask` can ask.",
      input: NoInput,
      effect: "read",
      needs: "read_roster",
      async execute() {
        return (await members()).flatMap(({ kind, handle, name, description }): JsonValue[] =>
          kind !== "agent" || handle === undefined
            ? []
            : [
                {
                  handle: `@${handle}`,
                  name,
                  ...(description ? { description } : {}),
                  ...(handle === turn.agent.handle ? { you: true } : {}),
                },
              ],
        );
      },
    },
  ];
}
