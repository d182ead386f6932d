import type { Command } from "commander";
import { z } from "zod";
import { connect } from "./client.ts";
import { type CommonOptions, common, outputOf } from "./common-options.ts";
import { type Output, plain } from "./output.ts";

const Sum = z.looseObject({
  turns: z.number(),
  inputTokens: z.number(),
  outputTokens: z.number(),
  costMicroUsd: z.number(),
});
const Subject = Sum.extend({ id: z.string(), name: z.string().optional() });
const Budget = z.looseObject({
  turnsPerDay: z.number().optional(),
  tokensPerDay: z.number().optional(),
  usdPerDay: z.number().optional(),
});
const Usage = z.looseObject({
  handle: z.string(),
  budgets: z.looseObject({ agent: Budget.optional(), person: Budget.optional(), channel: Budget.optional() }),
  today: Sum,
  days: z.array(Sum.extend({ day: z.string() })),
  people: z.array(Subject),
  channels: z.array(Subject),
});
type Usage = z.infer<typeof Usage>;
const OneUsage = z.looseObject({ usage: Usage });
const AllUsage = z.looseObject({ usage: z.array(Usage) });

const COLUMNS = ["TURNS", "TOKENS IN", "TOKENS OUT", "COST"] as const;

/** `parley agents usage` */
export function addUsageCommand(agents: Command): void {
  common(
    agents
      .command("usage [handle]")
      .description("what agents used: all of them today, or one by day, person and channel; days are UTC"),
  ).action(async (handle: string | undefined, options: CommonOptions) => {
    const client = await connect(options);
    const output = outputOf(options);
    if (handle === undefined) {
      const answer = await client.get("/api/usage", AllUsage);
      output.result(answer, () =>
        output.table(
          ["AGENT", ...COLUMNS, "BUDGET OF A DAY"],
          answer.usage.map((usage) => [`@${plain(usage.handle)}`, ...cells(usage.today), limits(usage.budgets.agent)]),
        ),
      );
      return;
    }
    const path = `/api/agents/${encodeURIComponent(handle.replace(/^@/, ""))}/usage`;
    const answer = await client.get(path, OneUsage);
    output.result(answer, () => showOne(answer.usage, output));
  });
}

function showOne(usage: Usage, output: Output): void {
  const { agent, person, channel } = usage.budgets;
  output.line(
    `@${plain(usage.handle)} may use in a day: ${limits(agent)}; for one person: ${limits(person)}; in one channel: ${limits(channel)}.`,
  );
  output.table(
    ["DAY", ...COLUMNS],
    usage.days.map((day) => [day.day, ...cells(day)]),
  );
  const named = (subjects: Usage["people"]) =>
    subjects.map((subject) => [plain(subject.name ?? subject.id), ...cells(subject)]);
  if (usage.people.length > 0) output.table(["PERSON TODAY", ...COLUMNS], named(usage.people));
  if (usage.channels.length > 0) output.table(["CHANNEL TODAY", ...COLUMNS], named(usage.channels));
}

function cells(sum: z.infer<typeof Sum>): string[] {
  return [sum.turns, sum.inputTokens, sum.outputTokens].map(String).concat(dollars(sum.costMicroUsd));
}

function dollars(microUsd: number): string {
  return microUsd === 0 ? "-" : `$${(microUsd / 1_000_000).toFixed(4)}`;
}

function limits(budget: z.infer<typeof Budget> | undefined): string {
  const parts = [
    budget?.turnsPerDay === undefined ? undefined : `${budget.turnsPerDay} turns`,
    budget?.tokensPerDay === undefined ? undefined : `${budget.tokensPerDay} tokens`,
    budget?.usdPerDay === undefined ? undefined : `$${budget.usdPerDay.toFixed(2)}`,
  ].filter((part) => part !== undefined);
  return parts.length === 0 ? "no limit" : parts.join(", ");
}
