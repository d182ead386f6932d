import type { Command } from "commander";
import { z } from "zod";
import { connect } from "./client.ts";
import { type CommonOptions, common, outputOf } from "./common-options.ts";
import { plain } from "./output.ts";

const Schedules = z.object({
  schedules: z.array(
    z.looseObject({
      id: z.string(),
      agent: z.string(),
      conversationId: z.string(),
      requestedByName: z.string(),
      task: z.string(),
      everyMs: z.number().optional(),
      dueAt: z.string(),
    }),
  ),
});
const MAX_TASK_CHARS = 60;

interface ListOptions extends CommonOptions {
  readonly agent?: string;
}

/** `parley schedules …` */
export function addScheduleCommands(program: Command): void {
  const schedules = program.command("schedules").description("what agents will do later: list, cancel");
  common(schedules.command("list", { isDefault: true }).description("show active schedules, the next one first"))
    .option("--agent <handle>", "of this agent only")
    .action(async (options: ListOptions) => {
      const query = options.agent === undefined ? "" : `?agent=${encodeURIComponent(options.agent.replace(/^@/u, ""))}`;
      const answer = await (await connect(options)).get(`/api/schedules${query}`, Schedules);
      const output = outputOf(options);
      output.result(answer, () => {
        if (answer.schedules.length === 0) output.line("Nothing is scheduled.");
        else
          output.table(
            ["ID", "AGENT", "DUE", "EVERY", "FOR", "TASK"],
            answer.schedules.map((one) => [
              one.id,
              `@${plain(one.agent)}`,
              one.dueAt,
              one.everyMs === undefined ? "once" : `${Math.round(one.everyMs / 60_000)} min`,
              plain(one.requestedByName),
              plain(one.task.slice(0, MAX_TASK_CHARS)),
            ]),
          );
      });
    });
  common(schedules.command("cancel <id>").description("end a schedule")).action(
    async (id: string, options: CommonOptions) => {
      await (await connect(options)).delete(`/api/schedules/${encodeURIComponent(id)}`);
      const output = outputOf(options);
      output.result({ cancelled: id }, () => output.line(`${plain(id)} is cancelled.`));
    },
  );
}
