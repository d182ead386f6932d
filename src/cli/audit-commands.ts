import { once } from "node:events";
import type { Command } from "commander";
import { z } from "zod";
import { connect } from "./client.ts";
import { type CommonOptions, common, outputOf } from "./common-options.ts";
import { CommandFailure, EXIT } from "./exit.ts";
import { type Output, paint, plain } from "./output.ts";

const Verification = z.looseObject({
  records: z.number(),
  seals: z.number(),
  unsealed: z.number(),
  prunedThrough: z.number().optional(),
  newest: z.looseObject({ number: z.number(), seal: z.string(), at: z.string() }).optional(),
  anchors: z.array(z.looseObject({ source: z.string(), number: z.number(), pruned: z.boolean() })),
  findings: z.array(
    z.looseObject({
      what: z.string(),
      finding: z.string(),
      id: z.number(),
      through: z.number().optional(),
      detail: z.string(),
    }),
  ),
  more: z.number(),
});
type Verification = z.infer<typeof Verification>;

/** A long log takes its time. */
const LONG_TIMEOUT_MS = 3_600_000;
const PROGRESS_EVERY_MS = 2_000;

/** `parley audit …` */
export function addAuditCommands(program: Command): void {
  const audit = program.command("audit").description("the audit log: verify that nothing of it was changed, export it");
  common(
    audit
      .command("verify")
      .description(
        "recompute every digest and name what was changed, removed, added or moved; ends with 1 when there is any",
      ),
  )
    .option("--anchor <number:seal>", "a seal that was seen before; finds a log that was cut back since")
    .action(async (options: CommonOptions & { readonly anchor?: string }) => {
      const query = options.anchor === undefined ? "" : `?${new URLSearchParams({ anchor: options.anchor })}`;
      const client = await connect(options, LONG_TIMEOUT_MS);
      const verification = await client.get(`/api/audit/verify${query}`, Verification);
      const output = outputOf(options);
      output.result(verification, () => showVerification(verification, output));
      if (verification.findings.length > 0) process.exitCode = EXIT.failed;
    });
  common(
    audit.command("export").description("write the log as lines of JSON, in order; progress goes to standard error"),
  )
    .option("--since <time>", "records from this moment on, ISO 8601 such as 2026-11-21 or 2026-11-21T12:00:00Z")
    .option("--until <time>", "records before this moment")
    .action(async (options: CommonOptions & { readonly since?: string; readonly until?: string }) => {
      const query = new URLSearchParams({
        ...(options.since === undefined ? {} : { since: options.since }),
        ...(options.until === undefined ? {} : { until: options.until }),
      });
      await exportLog(options, query);
    });
}

async function exportLog(options: CommonOptions, query: URLSearchParams): Promise<void> {
  let lines = 0;
  let last = "";
  let shownAt = Date.now();
  const show = (): void => void process.stderr.write(`${Math.max(0, lines - 1)} records\n`);
  const client = await connect(options, LONG_TIMEOUT_MS);
  for await (const line of client.lines(`/api/audit/export?${query}`)) {
    lines += 1;
    last = line;
    if (!process.stdout.write(`${line}\n`)) await once(process.stdout, "drain");
    if (Date.now() - shownAt < PROGRESS_EVERY_MS) continue;
    shownAt = Date.now();
    show();
  }
  // A connection that ends early must not pass for the end of the log.
  if (!last.startsWith('{"end":true')) throw new CommandFailure(EXIT.failed, "the export ended before the log did");
  show();
}

function showVerification(verification: Verification, output: Output): void {
  const { records, seals, unsealed, prunedThrough, newest, anchors, findings, more } = verification;
  output.line(
    findings.length === 0
      ? paint("green", "Nothing was changed, removed, added or moved.")
      : paint("red", `${findings.length + more} findings:`),
  );
  if (findings.length > 0)
    output.table(
      ["WHAT", "FINDING", "DETAIL"],
      findings.map((finding) => [
        plain(`${finding.what} ${finding.id}${finding.through === undefined ? "" : ` to ${finding.through}`}`),
        paint("red", plain(finding.finding)),
        plain(finding.detail),
      ]),
    );
  output.line(
    `${records} records under ${seals} seals; ${unsealed} wait for the next seal${prunedThrough === undefined ? "" : `; pruned through seal ${prunedThrough}`}`,
  );
  for (const anchor of anchors)
    output.line(
      `Compared with ${plain(anchor.source)}: seal ${anchor.number}${anchor.pruned ? ", which was pruned since" : ""}`,
    );
  if (newest !== undefined)
    output.line(`Newest seal, the anchor for next time: ${newest.number}:${plain(newest.seal)}`);
}
