import { type Command, Option } from "commander";
import { z } from "zod";
import { connect } from "./client.ts";
import { type CommonOptions, common, outputOf } from "./common-options.ts";
import { CommandFailure, EXIT } from "./exit.ts";
import { ago, plain } from "./output.ts";

const Request = z.looseObject({
  id: z.string(),
  agent: z.string(),
  kind: z.string(),
  platform: z.string(),
  channel: z.string(),
  state: z.string(),
  prompt: z.string().optional(),
  options: z.array(z.looseObject({ id: z.string(), label: z.string(), effect: z.string() })).optional(),
  fields: z.array(z.looseObject({ id: z.string(), label: z.string() })).optional(),
  createdAt: z.string(),
  expiresAt: z.string(),
  decision: z.looseObject({ optionId: z.string().optional(), byName: z.string(), at: z.string() }).optional(),
});
type Request = z.infer<typeof Request>;
const Requests = z.object({ requests: z.array(Request) });
const MAX_PROMPT_CHARS = 60;

interface ListOptions extends CommonOptions {
  readonly state: string;
  readonly limit: string;
}

interface DecideOptions extends CommonOptions {
  readonly field: readonly string[];
}

/** `parley requests …` */
export function addRequestCommands(program: Command): void {
  const requests = program.command("requests").description("questions of agents to people: list, show, decide");
  common(requests.command("list", { isDefault: true }).description("show questions, newest first"))
    .addOption(
      new Option("--state <state>", "which ones")
        .choices(["open", "decided", "expired", "cancelled", "all"])
        .default("open"),
    )
    .option("--limit <count>", "how many at most", "100")
    .action(async (options: ListOptions) => {
      const query = new URLSearchParams({
        limit: options.limit,
        ...(options.state === "all" ? {} : { state: options.state }),
      });
      const answer = await (await connect(options)).get(`/api/requests?${query}`, Requests);
      const output = outputOf(options);
      output.result(answer, () => {
        if (answer.requests.length === 0) output.line(options.state === "open" ? "No open questions." : "None.");
        else output.table(["ID", "WHEN", "AGENT", "WHERE", "KIND", "STATE", "QUESTION"], answer.requests.map(rowOf));
      });
    });
  common(requests.command("show <id>").description("show one, with its options or fields")).action(
    async (id: string, options: CommonOptions) => {
      const request = await (await connect(options)).get(`/api/requests/${encodeURIComponent(id)}`, Request);
      const output = outputOf(options);
      output.result(request, () => show(request, output));
    },
  );
  common(requests.command("decide <id> [option]").description("decide as the person whom the API token stands for"))
    .option("--field <id=value>", "an answer of a form; may be repeated", collect, [])
    .action(async (id: string, option: string | undefined, options: DecideOptions) => {
      const fields = Object.fromEntries(options.field.map(fieldOf));
      const request = await (await connect(options)).post(
        `/api/requests/${encodeURIComponent(id)}/decision`,
        { ...(option === undefined ? {} : { option }), ...(options.field.length === 0 ? {} : { fields }) },
        Request,
      );
      const output = outputOf(options);
      output.result(request, () => show(request, output));
    });
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

function fieldOf(given: string): readonly [string, string] {
  const at = given.indexOf("=");
  if (at < 1) throw new CommandFailure(EXIT.usage, `--field takes id=value, not ${given}`);
  return [given.slice(0, at), given.slice(at + 1)];
}

function show(request: Request, output: ReturnType<typeof outputOf>): void {
  const { decision } = request;
  const facts: readonly (readonly [string, string])[] = [
    ["question", request.prompt ?? "(deleted)"],
    ["agent", `@${request.agent}`],
    ["where", `${request.platform}:${request.channel}`],
    ["state", request.state],
    ["expires", request.expiresAt],
    ...(request.options ?? []).map((one) => ["option", `${one.id}: ${one.label} (${one.effect})`] as const),
    ...(request.fields ?? []).map((one) => ["field", `${one.id}: ${one.label}`] as const),
    ...(decision === undefined
      ? []
      : [["decided", `${decision.optionId ?? "answered"} by ${decision.byName}, ${decision.at}`] as const]),
  ];
  output.table(
    ["FIELD", "VALUE"],
    facts.map(([name, value]) => [name, plain(value)]),
  );
}

function rowOf(request: Request): string[] {
  const prompt = plain(request.prompt ?? "(deleted)");
  return [
    plain(request.id),
    ago(request.createdAt),
    `@${plain(request.agent)}`,
    plain(`${request.platform}:${request.channel}`),
    request.kind,
    request.state,
    prompt.length > MAX_PROMPT_CHARS ? `${prompt.slice(0, MAX_PROMPT_CHARS)}…` : prompt,
  ];
}
