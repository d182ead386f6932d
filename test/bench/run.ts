import { readOptions, type Scenario } from "./options.ts";
import { measureConnectors } from "./parts/connectors.ts";
import { measureConversations } from "./parts/conversations.ts";
import { measureLatency, measureRate, type PartOptions, type PartResult } from "./parts/peers.ts";
import { measureDiscord, measureMatrix } from "./parts/platforms.ts";
import { measureRecovery } from "./parts/recovery.ts";
import { measureEmbedded, measureIdle } from "./parts/single.ts";
import { describe, isReached } from "./targets.ts";

const PARTS: Record<Scenario, { readonly title: string; readonly run: (options: PartOptions) => Promise<PartResult> }> =
  {
    rate: { title: "Sustained rate, 64 in flight, 100 conversations", run: measureRate },
    latency: { title: "Reply latency at 50 messages a second", run: measureLatency },
    conversations: { title: "Few conversations and many", run: measureConversations },
    idle: { title: "Idle", run: measureIdle },
    embedded: { title: "Embedded: nothing configured, PGlite", run: measureEmbedded },
    recovery: { title: "Recovery after kill -9", run: measureRecovery },
    connectors: { title: "A turn by each connector", run: measureConnectors },
    discord: { title: "Discord: beside a plain discord.js bot", run: measureDiscord },
    matrix: { title: "Matrix: beside a plain matrix-js-sdk bot, on a real Synapse", run: measureMatrix },
  };

/**
 * `npm run bench`: from a Slack event in to `chat.postMessage` out, Parley beside plain Bolt, the `chat` package and raw BullMQ.
 *
 * Every service, every store and the Slack stand-in is a process of its own on this machine. A busy machine moves rates by
 * half and more: read the ratios, which are of interleaved rounds. It measures and never fails for a figure.
 */
const options = readOptions(process.argv.slice(2));
const results: Partial<Record<Scenario, PartResult>> = {};
for (const scenario of options.scenarios) {
  const { title, run } = PARTS[scenario];
  process.stderr.write(`\n${title}\n`);
  const result = await run({
    quick: options.quick,
    say: (text) => process.stderr.write(`  ${new Date().toISOString().slice(11, 19)} ${text}\n`),
  });
  results[scenario] = result;
  if (!options.json) process.stdout.write(`\n${title}\n${result.table.map((line) => `  ${line}`).join("\n")}\n`);
}
const findings = Object.values(results).flatMap((result) => result.findings);
if (options.json) {
  const judged = findings.map((finding) => ({ ...finding, reached: isReached(finding, finding.target) }));
  process.stdout.write(
    `${JSON.stringify({ quick: options.quick, node: process.version, findings: judged, tables: results }, null, 2)}\n`,
  );
} else {
  process.stdout.write(`\nTargets\n${findings.map((finding) => `  ${describe(finding)}`).join("\n")}\n`);
}
