import { type Command, Option } from "commander";
import { z } from "zod";
import { connect } from "./client.ts";
import { type CommonOptions, common, outputOf } from "./common-options.ts";
import { CommandFailure, EXIT } from "./exit.ts";
import { ago, paint, plain } from "./output.ts";
import { DeadLetter } from "./views.ts";

const DeadLetters = z.object({ deadLetters: z.array(DeadLetter) });
const MAX_REASON_CHARS = 100;

interface ListOptions extends CommonOptions {
  readonly state: string;
  readonly limit: string;
}

/** `parley deadletters …` */
export function addDeadLetterCommands(program: Command): void {
  const letters = program.command("deadletters").description("work that gave up: list, show, replay, discard");
  common(letters.command("list", { isDefault: true }).description("show dead letters, newest first"))
    .addOption(
      new Option("--state <state>", "which ones").choices(["open", "replayed", "discarded", "all"]).default("open"),
    )
    .option("--limit <count>", "how many at most", "100")
    .action(async (options: ListOptions) => {
      const query = new URLSearchParams({
        limit: options.limit,
        ...(options.state === "all" ? {} : { state: options.state }),
      });
      const answer = await (await connect(options)).get(`/api/dead-letters?${query}`, DeadLetters);
      const output = outputOf(options);
      output.result(answer, () => {
        if (answer.deadLetters.length === 0) output.line(options.state === "open" ? "No open dead letters." : "None.");
        else output.table(["ID", "WHEN", "STAGE", "CODE", "STATE", "REASON"], answer.deadLetters.map(rowOf));
      });
    });
  common(letters.command("show <id>").description("show one, with what arrived")).action(
    async (id: string, options: CommonOptions) => {
      const letter = await (await connect(options)).get(`/api/dead-letters/${encodeURIComponent(id)}`, DeadLetter);
      const output = outputOf(options);
      output.result(letter, () => {
        const facts = Object.entries(letter).filter(
          (entry): entry is [string, string] => typeof entry[1] === "string" && entry[0] !== "raw",
        );
        output.table(
          ["FIELD", "VALUE"],
          facts.map(([name, value]) => [name, plain(value)]),
        );
        if (letter.raw !== undefined) output.line(`\n${plain(letter.raw)}`);
      });
    },
  );
  for (const verb of ["replay", "discard"] as const) {
    const words = verb === "replay" ? "run the work again under the same identity" : "close without repeating the work";
    common(letters.command(`${verb} <ids...>`).description(words)).action(
      async (ids: string[], options: CommonOptions) => closeAll(verb, ids, options),
    );
  }
}

async function closeAll(verb: "replay" | "discard", ids: readonly string[], options: CommonOptions): Promise<void> {
  const client = await connect(options);
  const output = outputOf(options);
  const results: { id: string; state?: string; problem?: string }[] = [];
  for (const id of ids) {
    try {
      const { state } = await client.post(`/api/dead-letters/${encodeURIComponent(id)}/${verb}`, undefined, DeadLetter);
      results.push({ id, state });
    } catch (error) {
      if (!(error instanceof CommandFailure) || error.exitCode === EXIT.unavailable) throw error;
      results.push({ id, problem: error.message });
      process.exitCode = EXIT.failed;
    }
  }
  output.result({ results }, () => {
    for (const { id, state, problem } of results) output.line(`${plain(id)}: ${plain(problem ?? state)}`);
  });
}

function rowOf(letter: DeadLetter): string[] {
  const reason = plain(letter.reason);
  const short = reason.length > MAX_REASON_CHARS ? `${reason.slice(0, MAX_REASON_CHARS)}…` : reason;
  return [plain(letter.id), ago(letter.createdAt), letter.stage, paint("red", letter.code), letter.state, short];
}
