import { type Command, Option } from "commander";
import { z } from "zod";
import { type Client, connect } from "./client.ts";
import { type CommonOptions, common, outputOf } from "./common-options.ts";
import { CommandFailure, EXIT } from "./exit.ts";
import { ago, paint, plain } from "./output.ts";
import { DeadLetter, ReplayVerdict } from "./views.ts";

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
  common(
    letters
      .command("replay [ids...]")
      .description("run the work again under the same identity and under today's rights"),
  )
    .option("--dry-run", "say what would happen and which rule would stop it; changes nothing")
    .option("--all", "all open ones, one after the other, the oldest first")
    .option("--code <code>", "of all open ones only those with this code")
    .action(replayLetters);
  common(letters.command("discard <ids...>").description("close without repeating the work")).action(
    async (ids: string[], options: CommonOptions) => {
      const client = await connect(options);
      await forEach(ids, options, async (id) => {
        const { state } = await client.post(
          `/api/dead-letters/${encodeURIComponent(id)}/discard`,
          undefined,
          DeadLetter,
        );
        return { id, state };
      });
    },
  );
}

interface ReplayOptions extends CommonOptions {
  readonly dryRun?: boolean;
  readonly all?: boolean;
  readonly code?: string;
}

async function replayLetters(given: readonly string[], options: ReplayOptions): Promise<void> {
  const named = given.length > 0;
  if (named === (options.all === true || options.code !== undefined))
    throw new CommandFailure(EXIT.usage, "name the dead letters, or take them by --all or --code");
  const client = await connect(options);
  const ids = named ? given : await openLetters(client, options.code);
  const path = (id: string): string => `/api/dead-letters/${encodeURIComponent(id)}/replay`;
  await forEach(ids, options, async (id) => {
    if (options.dryRun !== true) return { id, state: (await client.post(path(id), undefined, DeadLetter)).state };
    const { allowed, rule, does, agent } = await client.get(path(id), ReplayVerdict);
    return { id, allowed, rule, does, ...(agent === undefined ? {} : { agent }) };
  });
}

const PAGE = 500;

/** Ids of the open ones, the oldest first, as many as the API lists at once. */
async function openLetters(client: Client, code: string | undefined): Promise<string[]> {
  const query = new URLSearchParams({ state: "open", limit: String(PAGE), ...(code === undefined ? {} : { code }) });
  const { deadLetters } = await client.get(`/api/dead-letters?${query}`, DeadLetters);
  return deadLetters.map((letter) => letter.id).toReversed();
}

interface LetterResult {
  readonly id: string;
  readonly state?: string;
  readonly problem?: string;
  readonly allowed?: boolean;
  readonly rule?: string;
  readonly does?: string;
  readonly agent?: string;
}

/** Goes on after those that cannot be done, shows each as soon as it is done, and fails in the end if one failed. */
async function forEach(
  ids: readonly string[],
  options: CommonOptions,
  act: (id: string) => Promise<LetterResult>,
): Promise<void> {
  const output = outputOf(options);
  const results: LetterResult[] = [];
  for (const id of ids) {
    const result = await act(id).catch((error: unknown): LetterResult => {
      if (!(error instanceof CommandFailure) || error.exitCode === EXIT.unavailable) throw error;
      process.exitCode = EXIT.failed;
      return { id, problem: error.message };
    });
    results.push(result);
    const count = ids.length > 1 ? `${results.length}/${ids.length} ` : "";
    if (!output.json) output.line(`${count}${plain(id)}: ${plain(describe(result))}`);
  }
  if (ids.length === 0 && !output.json) output.line("No open dead letters.");
  if (output.json) output.result({ results }, () => undefined);
}

function describe({ problem, state, allowed, rule, does, agent }: LetterResult): string {
  if (allowed === undefined) return problem ?? state ?? "";
  const who = agent === undefined ? "" : ` (@${agent})`;
  return allowed ? `would be replayed: ${does}${who}` : `would be refused by ${rule}${who}`;
}

function rowOf(letter: DeadLetter): string[] {
  const reason = plain(letter.reason);
  const short = reason.length > MAX_REASON_CHARS ? `${reason.slice(0, MAX_REASON_CHARS)}…` : reason;
  return [plain(letter.id), ago(letter.createdAt), letter.stage, paint("red", letter.code), letter.state, short];
}
