import type { Command } from "commander";
import { z } from "zod";
import { connect } from "./client.ts";
import { type CommonOptions, common, outputOf } from "./common-options.ts";
import { ago, type Output, paint, plain, span } from "./output.ts";
import { Explanation, Status } from "./views.ts";

interface SendOptions extends CommonOptions {
  readonly as: string;
  readonly key?: string;
}

/** `parley explain`, `send`, `stop`, `status` and `sign-in`. */
export function addMessageCommands(program: Command): void {
  common(
    program
      .command("explain <message>")
      .description(
        "show the whole path of a message and the rule that decided each step; takes an event, turn or message id, or a permalink of Slack, Discord or Matrix",
      ),
  ).action(async (reference: string, options: CommonOptions) => {
    const explanation = await (await connect(options)).get(
      `/api/explain/${encodeURIComponent(reference)}`,
      Explanation,
    );
    const output = outputOf(options);
    output.result(explanation, () => showExplanation(explanation, output));
  });
  common(
    program
      .command("send <to> <text>")
      .description("post a text as an agent; <to> is a conversation id or platform:channel, such as web:general"),
  )
    .requiredOption("--as <agent>", "handle of the agent")
    .option("--key <key>", "repeating a send with the same key posts nothing twice")
    .action(async (to: string, text: string, options: SendOptions) => {
      const body = {
        agent: options.as.replace(/^@/, ""),
        to,
        text,
        ...(options.key === undefined ? {} : { idempotencyKey: options.key }),
      };
      const sent = await (await connect(options)).post(
        "/api/send",
        body,
        z.object({ deliveryIds: z.array(z.string()) }),
      );
      const output = outputOf(options);
      output.result(sent, () => output.line(`Accepted for delivery: ${plain(sent.deliveryIds.join(", "))}`));
    });
  common(
    program.command("stop <conversation>").description("stop the running and queued turns of a conversation"),
  ).action(async (conversationId: string, options: CommonOptions) => {
    const stopped = await (await connect(options)).post(
      "/api/stop",
      { conversationId },
      z.object({ stoppedTurns: z.number() }),
    );
    const output = outputOf(options);
    output.result(stopped, () => output.line(`${stopped.stoppedTurns} turns stopped.`));
  });
  common(program.command("status").description("show ledger, queue, platforms, work and rooms")).action(
    async (options: CommonOptions) => {
      const client = await connect(options);
      const status = await client.get("/api/status", Status);
      const output = outputOf(options);
      output.result(status, () => showStatus(status, client.address.url, output));
    },
  );
  common(program.command("sign-in").description("make a new sign-in link for the owner of the web room")).action(
    async (options: CommonOptions) => {
      const answer = await (await connect(options)).post(
        "/api/sign-in-links",
        undefined,
        z.object({ link: z.string() }),
      );
      const output = outputOf(options);
      output.result(answer, () => output.line(plain(answer.link)));
    },
  );
}

function showExplanation(explanation: z.infer<typeof Explanation>, output: Output): void {
  const reason = explanation.stateReason === undefined ? "" : ` (${plain(explanation.stateReason)})`;
  output.line(
    `${paint("bold", plain(explanation.eventId))}  ${plain(explanation.kind)} from ${plain(explanation.platform)}: ${paint("bold", plain(explanation.state))}${reason}`,
  );
  output.line(paint("dim", `trace ${plain(explanation.traceId)}`));
  const start = Date.parse(explanation.steps[0]?.at ?? "");
  output.table(
    ["AFTER", "STEP", "AGENT", "OUTCOME", "RULE", "DETAIL"],
    explanation.steps.map((step) => [
      span(Math.max(0, Date.parse(step.at) - start)),
      plain(step.verb),
      step.agent === undefined ? "" : `@${plain(step.agent)}`,
      plain(step.outcome),
      paint("cyan", plain(step.rule)),
      Object.entries(step.detail ?? {})
        .map(([key, value]) => plain(`${key}=${typeof value === "string" ? value : JSON.stringify(value)}`))
        .join(" "),
    ]),
  );
  if (explanation.auditRecords.length === 0) return;
  output.line();
  output.table(
    ["AUDIT RECORD", "SEAL", "ENTRIES"],
    explanation.auditRecords.map((record) => [
      String(record.id),
      record.seal === null ? "waits for one" : String(record.seal),
      plain(record.what.join(", ")),
    ]),
  );
}

function showStatus(
  { ledger, queue, platforms, work, rooms }: z.infer<typeof Status>,
  url: string,
  output: Output,
): void {
  const state = (ok: boolean) => (ok ? paint("green", "ok") : paint("red", "away"));
  output.table(
    ["PART", "STATE", "WHERE", "DETAIL"],
    [
      ["api", state(true), url, ""],
      ["ledger", state(ledger.ok), plain(ledger.backend), plain(ledger.detail ?? `${ledger.latencyMs.toFixed(1)} ms`)],
      [
        "queue",
        state(queue.ok),
        plain(queue.backend),
        plain(queue.detail ?? `${queue.waiting} waiting, ${queue.latencyMs.toFixed(1)} ms`),
      ],
      ...platforms.map((row) => [
        plain(row.platform),
        paint(row.state === "connected" ? "green" : row.state === "failed" ? "red" : "yellow", row.state),
        plain(row.name),
        [plain(row.detail), row.lastEventAt === undefined ? "no event yet" : `last event ${ago(row.lastEventAt)}`]
          .filter(Boolean)
          .join("; "),
      ]),
    ],
  );
  output.line();
  output.table(
    ["WORK", "COUNT"],
    [
      ["events to route", String(work.pendingEvents)],
      ["turns running", String(work.runningTurns)],
      ["turns queued", String(work.queuedTurns)],
      ["deliveries to send", String(work.pendingDeliveries)],
      ["deliveries of unknown outcome", String(work.unknownDeliveries)],
      ["open dead letters", String(work.openDeadLetters)],
      ["oldest open event", work.oldestOpenMs === 0 ? "-" : span(work.oldestOpenMs)],
    ],
  );
  if (rooms.length === 0) return;
  output.line();
  output.table(
    ["ROOM", "PEOPLE", "AGENTS"],
    rooms.map((room) => [
      plain(`${room.platform}:${room.name}`),
      String(room.people),
      plain(room.agents.map((agent) => `@${agent}`).join(" ")),
    ]),
  );
}
