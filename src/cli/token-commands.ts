import type { Command } from "commander";
import { z } from "zod";
import { API_SCOPES } from "../contracts/api-token.ts";
import { connect } from "./client.ts";
import { type CommonOptions, common, outputOf } from "./common-options.ts";
import { CommandFailure, EXIT } from "./exit.ts";
import { ago, paint, plain } from "./output.ts";

const Token = z.looseObject({
  id: z.string(),
  name: z.string(),
  scopes: z.array(z.string()),
  createdBy: z.string(),
  createdAt: z.string(),
  expiresAt: z.string().optional(),
  rotatedAt: z.string().optional(),
  lastUsedAt: z.string().optional(),
  revokedAt: z.string().optional(),
});
type Token = z.infer<typeof Token>;
const Tokens = z.object({ tokens: z.array(Token) });
const WithSecret = z.object({ token: Token, secret: z.string() });

interface AddOptions extends CommonOptions {
  readonly scope: string;
  readonly days?: string;
  readonly as?: string;
  readonly guest?: string;
}

/** `parley tokens …` */
export function addTokenCommands(program: Command): void {
  const tokens = program.command("tokens").description("tokens of the API: list, add, rotate, revoke");
  common(tokens.command("list", { isDefault: true }).description("show all tokens, newest first")).action(
    async (options: CommonOptions) => {
      const answer = await (await connect(options)).get("/api/tokens", Tokens);
      const output = outputOf(options);
      output.result(answer, () => {
        if (answer.tokens.length === 0) output.line('No tokens; make one with "parley tokens add <name>".');
        else output.table(["ID", "NAME", "SCOPES", "MADE", "LAST USED", "STATE"], answer.tokens.map(rowOf));
      });
    },
  );
  common(tokens.command("add <name>").description("make a token; its secret is shown once"))
    .option("--scope <scopes>", `what it is good for, separated by commas: ${API_SCOPES.join(", ")}`, "read")
    .option("--days <days>", "days after which it ends by itself, 1 to 3650; default never")
    .option("--as <person>", "id or name of the person whom a token with the scope talk stands for")
    .option("--guest <name>", "name of an external guest whom it stands for instead; made when there is none")
    .action(async (name: string, options: AddOptions) => {
      const body = {
        name,
        scopes: scopesOf(options.scope),
        ...(options.days === undefined ? {} : { expiresInDays: daysOf(options.days) }),
        ...(options.as === undefined ? {} : { as: options.as }),
        ...(options.guest === undefined ? {} : { guest: options.guest }),
      };
      const made = await (await connect(options)).post("/api/tokens", body, WithSecret);
      show(made, options);
    });
  common(tokens.command("rotate <id>").description("give a token a new secret; the old one is refused at once")).action(
    async (id: string, options: CommonOptions) => {
      const client = await connect(options);
      show(await client.post(`/api/tokens/${encodeURIComponent(id)}/rotate`, undefined, WithSecret), options);
    },
  );
  common(tokens.command("revoke <id>").description("end a token at once and for good")).action(
    async (id: string, options: CommonOptions) => {
      await (await connect(options)).delete(`/api/tokens/${encodeURIComponent(id)}`);
      const output = outputOf(options);
      output.result({ revoked: id }, () => output.line(`${plain(id)} is revoked.`));
    },
  );
}

function show({ token, secret }: z.infer<typeof WithSecret>, options: CommonOptions): void {
  const output = outputOf(options);
  output.result({ token, secret }, () => {
    output.line(`${plain(token.id)} ${plain(token.name)} (${token.scopes.map(plain).join(", ")})`);
    output.line(`\n${plain(secret)}\n`);
    output.line("Keep it now: it is not shown again.");
  });
}

function scopesOf(text: string): string[] {
  const scopes = text
    .split(",")
    .map((scope) => scope.trim())
    .filter((scope) => scope !== "");
  const known: readonly string[] = API_SCOPES;
  const odd = scopes.find((scope) => !known.includes(scope));
  if (scopes.length === 0 || odd !== undefined)
    throw new CommandFailure(
      EXIT.usage,
      `there is no scope ${odd ?? "without a name"}; there are: ${known.join(", ")}`,
    );
  return scopes;
}

function daysOf(text: string): number {
  const days = Number(text);
  if (!Number.isInteger(days) || days < 1 || days > 3_650)
    throw new CommandFailure(EXIT.usage, `--days must be a whole number from 1 to 3650; it is ${text}`);
  return days;
}

function rowOf(token: Token): string[] {
  const ended = token.expiresAt !== undefined && Date.parse(token.expiresAt) < Date.now();
  const state = token.revokedAt === undefined ? (ended ? "expired" : "valid") : "revoked";
  const used = token.lastUsedAt === undefined ? "never" : ago(token.lastUsedAt);
  const colour = state === "valid" ? "green" : "dim";
  return [
    plain(token.id),
    plain(token.name),
    token.scopes.map(plain).join(","),
    ago(token.createdAt),
    used,
    paint(colour, state),
  ];
}
