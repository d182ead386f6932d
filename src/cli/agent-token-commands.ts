import type { Command } from "commander";
import { z } from "zod";
import { connect } from "./client.ts";
import { type CommonOptions, common, outputOf } from "./common-options.ts";
import { paint, plain } from "./output.ts";
import { Agent } from "./views.ts";

const Rotated = z.object({ agent: Agent, secret: z.string() });

/** `parley agents rotate` and `revoke`: the token that an agent dials in with, and the secrets that a webhook's turns are signed with. */
export function addTokenCommands(agents: Command): void {
  common(
    agents
      .command("rotate <handle>")
      .description(
        "give an agent a new token or signing secret, shown once; a token before it is refused from now on, secrets before it sign too until revoke",
      ),
  ).action(async (handle: string, options: CommonOptions) => {
    const rotated = await (await connect(options)).post(pathOf(handle), undefined, Rotated);
    const output = outputOf(options);
    output.result(rotated, () => {
      output.line(secretLine(rotated.agent, rotated.secret));
      if (rotated.agent.connectorKind !== "socket")
        output.line(
          `Turns are signed with the secrets before it too, until "parley agents revoke ${plain(rotated.agent.handle)}".`,
        );
    });
  });
  common(
    agents
      .command("revoke <handle>")
      .description(
        "let an agent's token be good for nothing and disconnect it, or let a webhook's newest secret alone sign",
      ),
  ).action(async (handle: string, options: CommonOptions) => {
    await (await connect(options)).delete(pathOf(handle));
    const output = outputOf(options);
    const name = handle.replace(/^@/, "");
    output.result({ revoked: name }, () =>
      output.line(
        `@${plain(name)}: its token, or the signing secrets before its newest, are good for nothing any more.`,
      ),
    );
  });
}

/** What was shown this once, and what it is for. */
export function secretLine(agent: Agent, secret: string): string {
  return agent.connectorKind === "socket"
    ? `Its token, shown this once: ${plain(secret)}\nIt dials in with that; "parley agents list" shows whether it is connected.`
    : `Its secret, shown this once: ${plain(secret)}`;
}

/** Whether an agent that dials in is there; nothing of other kinds. */
export function connectionOf({ connection }: Agent): string {
  if (connection === undefined) return "";
  const since = connection.since === undefined ? "" : ` since ${connection.since.slice(0, 16).replace("T", " ")}`;
  return `${paint(connection.state === "connected" ? "green" : "yellow", plain(connection.state))}${plain(since)}`;
}

function pathOf(handle: string): string {
  return `/api/agents/${encodeURIComponent(handle.replace(/^@/, ""))}/token`;
}
