import type { Command } from "commander";
import { notCheckable } from "../agent-checks/end-checks.ts";
import type { AgentProbe } from "../agent-checks/probe-turn.ts";
import { type CheckResult, runAgentChecks } from "../agent-checks/run-checks.ts";
import { addTargetOptions, type TargetOptions, targetOf } from "./agent-target.ts";
import { EXIT } from "./exit.ts";
import { createOutput, type Output, paint, plain } from "./output.ts";

interface TestOptions extends TargetOptions {
  readonly json?: boolean;
}

/** `parley agent test` */
export function addAgentTestCommand(agent: Command): void {
  addTargetOptions(
    agent
      .command("test <address-or-command...>")
      .description(
        "run the connector checks against an agent at an address, or started by a command (after --), and say what to mend",
      ),
  )
    .option("--json", "write JSON")
    .action(async (words: string[], options: TestOptions) => {
      const { openDevelopmentAgent } = await import("../app-development-agent.ts");
      const target = targetOf(words, options);
      const agentUnderTest = await openDevelopmentAgent(target);
      const output = createOutput(options.json === true);
      const results: CheckResult[] = [];
      const probe: AgentProbe = {
        connector: agentUnderTest.connector,
        timeoutMs: target.timeoutMs,
        secrets: agentUnderTest.secrets,
        open: () => openDevelopmentAgent(target),
        crashes: agentUnderTest.crash !== undefined,
        ...(agentUnderTest.isStarted ? { output: () => agentUnderTest.output() } : {}),
      };
      try {
        if (!output.json) output.line(`An agent of the kind ${agentUnderTest.kind}, by ${plain(words.join(" "))}`);
        for await (const result of runAgentChecks(probe)) {
          results.push(result);
          if (!output.json) show(result, output);
        }
      } finally {
        await agentUnderTest.close();
      }
      const counts = countsOf(results);
      const said = agentUnderTest.output();
      const ok = counts.failed === 0;
      const unseen = notCheckable(probe);
      output.result(
        { kind: agentUnderTest.kind, ok, counts, notCheckable: unseen, checks: results, output: said },
        () => {
          if (!ok && said.length > 0) output.line(`It wrote:\n${said.map(plain).join("\n")}`);
          const { failed, skipped } = counts;
          const open = skipped === 0 ? "" : " as far as could be found out";
          const told = ok ? paint("green", `It keeps its part${open}.`) : paint("red", `${failed} to mend.`);
          output.line(`${told} ${ORDER.map((state) => `${counts[state]} ${state}`).join(", ")}.`);
          output.line("Not checkable from outside:");
          for (const { id, what, why } of unseen) output.line(`        ${id}  ${what}: ${why}`);
        },
      );
      if (!ok) process.exitCode = EXIT.failed;
    });
}

const ORDER = ["ok", "advice", "skipped", "failed"] as const;

function countsOf(results: readonly CheckResult[]): Readonly<Record<CheckResult["state"], number>> {
  const counts = { ok: 0, advice: 0, skipped: 0, failed: 0 };
  for (const { state } of results) counts[state] += 1;
  return counts;
}

const STATES = {
  ok: ["green", "ok     "],
  advice: ["yellow", "advice "],
  failed: ["red", "FAILED "],
  skipped: ["dim", "skipped"],
} as const;

function show(result: CheckResult, output: Output): void {
  const [style, word] = STATES[result.state];
  output.line(`${paint(style, word)} ${result.id}  ${result.title}: ${plain(result.detail)}`);
  if ("mend" in result) output.line(`        ${plain(result.mend)}`);
}
