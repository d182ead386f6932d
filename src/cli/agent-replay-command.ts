import { randomUUID } from "node:crypto";
import type { Command } from "commander";
import { z } from "zod";
import { explainError } from "../agent-checks/mending.ts";
import { sampleIo } from "../agent-checks/sample-turn.ts";
import { collect } from "../agent-checks/turn-outcome.ts";
import type { ConnectorEvent } from "../contracts/connector.ts";
import { TurnRequestSchema } from "../contracts/turn-request-schema.ts";
import { partToText, ReplyPart } from "../envelope/reply.ts";
import { addTargetOptions, type TargetOptions, targetOf } from "./agent-target.ts";
import { connect } from "./client.ts";
import { type CommonOptions, common, outputOf } from "./common-options.ts";
import { CommandFailure, EXIT } from "./exit.ts";
import { paint, plain } from "./output.ts";

const Recorded = z.object({
  handle: z.string(),
  state: z.string(),
  request: TurnRequestSchema,
  reply: z.array(ReplyPart).optional(),
});

interface ReplayOptions extends CommonOptions, TargetOptions {
  readonly to?: string;
}

/** `parley agent replay` */
export function addAgentReplayCommand(agent: Command): void {
  const command = agent
    .command("replay <turn> [command...]")
    .description(
      "give a recorded turn to a development agent, by --to or as a command after --, and show its reply beside the recorded one; nothing is posted",
    )
    .option("--to <address>", "address of the development agent");
  addTargetOptions(common(command)).action(async (turnId: string, words: string[], options: ReplayOptions) => {
    if ((options.to === undefined) === (words.length === 0))
      throw new CommandFailure(EXIT.usage, "name the agent by --to and its address, or by its command after --");
    const target = targetOf(options.to === undefined ? words : [options.to], options);
    const client = await connect(options);
    const recorded = await client.get(`/api/turns/${encodeURIComponent(turnId)}/request`, Recorded);
    const { openDevelopmentAgent } = await import("../app-development-agent.ts");
    const development = await openDevelopmentAgent(target);
    try {
      const request = {
        ...recorded.request,
        // An agent that has seen the turn would answer it with the reply that it has.
        turnId: `replay_${randomUUID()}`,
        attempt: 1,
        deadlineAt: new Date(Date.now() + target.timeoutMs).toISOString(),
      };
      const io = sampleIo(AbortSignal.timeout(target.timeoutMs));
      const outcome = await collect(development.connector.invoke(request, io));
      const now = shortReply(outcome.events);
      const then = (recorded.reply ?? []).map(partToText);
      const fault = outcome.error === undefined ? undefined : explainError(outcome.error);
      const output = outputOf(options);
      output.result({ ...recorded, replayed: { events: outcome.events, ...(fault && { fault }) } }, () => {
        output.line(`@${plain(recorded.handle)} was asked: ${plain(recorded.request.trigger.text)}`);
        output.line(paint("bold", `\nRecorded (${recorded.state})`));
        for (const text of then.length === 0 ? ["no reply"] : then) output.line(plainLines(text));
        output.line(paint("bold", "\nNow"));
        for (const text of now.length === 0 && fault === undefined ? ["no reply"] : now) output.line(plainLines(text));
        if (fault !== undefined) output.line(`${paint("red", plain(fault.detail))}\n${plain(fault.mend)}`);
      });
      if (fault !== undefined) process.exitCode = EXIT.failed;
    } finally {
      await development.close();
    }
  });
}

/** The parts of a reply as people would read them, without what only showed meanwhile. */
function shortReply(events: readonly ConnectorEvent[]): string[] {
  const texts: string[] = [];
  let open = "";
  const close = (): void => {
    if (open.trim() !== "") texts.push(open);
    open = "";
  };
  for (const event of events) {
    if (event.type === "text_delta") open += event.markdown;
    else if (event.type === "part" && event.part.type !== "status") {
      close();
      texts.push(partToText(ReplyPart.parse(event.part)));
    } else if (event.type === "deferred")
      texts.push("(put off: it posts its reply later, which is not waited for here)");
  }
  close();
  return texts;
}

function plainLines(text: string): string {
  return text
    .split("\n")
    .map((line) => `  ${plain(line)}`)
    .join("\n");
}
