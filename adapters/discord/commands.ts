import { createHash } from "node:crypto";
import type { AdapterStateStore } from "../../src/contracts/adapter-state.ts";
import type { JsonValue } from "../../src/contracts/json.ts";
import type { DiscordClient } from "./client.ts";
import { ROUTES } from "./routes.ts";

const KEY = "commands";
const TYPE = { subcommand: 1, string: 3 } as const;
const IN_GUILD = 0;
const WITH_BOT = 1;

/** The slash command with what it can be asked for. https://docs.discord.com/developers/interactions/application-commands */
export function slashCommands(name: string): JsonValue {
  const option = (word: string, description: string, required: boolean, more: { [key: string]: JsonValue } = {}) => ({
    type: TYPE.string,
    name: word,
    description,
    required,
    ...more,
  });
  const sub = (word: string, description: string, options: JsonValue[] = []) => ({
    type: TYPE.subcommand,
    name: word,
    description,
    options,
  });
  const named = option("agent", "Which agent", true, { autocomplete: true });
  return [
    {
      name,
      type: 1,
      description: "Ask the agents of this server",
      integration_types: [0],
      contexts: [IN_GUILD, WITH_BOT],
      options: [
        sub("ask", "Ask an agent", [
          option("question", "What do you want to know?", true, { max_length: 4_000 }),
          option("agent", "Whom to ask; without it, the one that answers by default", false, { autocomplete: true }),
        ]),
        sub("agents", "List the agents"),
        sub("invite", "Let an agent take part in this channel", [named]),
        sub("uninvite", "End an agent's invitation into this channel", [named]),
        sub("takeover", "Make another member's invitation of an agent yours", [named]),
        sub("stop", "Stop the agents at work here"),
        sub("pause", "Keep all agents silent here until you resume them"),
        sub("resume", "Let the agents take part here again"),
        sub("schedules", "Show what agents will do here later, or end one of these", [
          option("cancel", "The id of the one to end", false),
        ]),
        sub("help", "Show what this command can do"),
      ],
    },
  ];
}

/** Registers the commands, unless Discord has them already: there is a daily limit. Rejects with the errors of writes. */
export async function registerCommands(options: {
  readonly client: DiscordClient;
  readonly state: AdapterStateStore;
  readonly installationId: string;
  readonly applicationId: string;
  readonly command: string;
}): Promise<void> {
  const { client, state, installationId, applicationId } = options;
  const commands = slashCommands(options.command);
  const digest = createHash("sha256")
    .update(JSON.stringify([applicationId, commands]))
    .digest("hex");
  const known = (await state.read(installationId, KEY)).get(KEY);
  if (known !== undefined && new TextDecoder().decode(known) === digest) return;
  await client.call({ route: ROUTES.commands(applicationId), body: commands });
  await state.write(installationId, new Map([[KEY, new TextEncoder().encode(digest)]]));
}
