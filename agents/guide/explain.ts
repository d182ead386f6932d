import type { TranscriptMessage, TurnRequest } from "../../src/contracts/connector.ts";
import type { AgentView, Explanation, Operations } from "../../src/contracts/operations.ts";

/**
 * Guarantees what Parley did with the message that a "why did X not answer" is about: its recorded steps, the agent's state and its check.
 *
 * Only messages of the conversation that the question was asked in are looked at.
 */
export async function describeExplanation(
  operations: Operations,
  request: TurnRequest,
  agents: readonly AgentView[],
  namedHandles: readonly string[],
): Promise<string> {
  const [handle] = namedHandles;
  const agent = agents.find((entry) => entry.handle === handle);
  const subject = findSubject(request, handle);
  const lines: string[] = [];
  if (handle !== undefined && agent === undefined)
    lines.push(
      `There is no agent @${handle}; there ${agents.length === 1 ? "is" : "are"} ${agents.map((entry) => `@${entry.handle}`).join(", ") || "none"}.`,
    );
  if (subject === undefined) {
    lines.push(
      "I see no earlier message here that it could have answered. Ask me in the conversation or thread where the message is.",
    );
  } else {
    const explanation = await operations.explain(request.organizationId, subject.messageId);
    lines.push(...describeSteps(subject, explanation, agent));
  }
  if (agent !== undefined) lines.push(...(await describeAgentState(operations, request.organizationId, agent)));
  return lines.join("\n");
}

/** The newest message before the question that names the agent, or else the newest that a person wrote. */
function findSubject(request: TurnRequest, handle: string | undefined): TranscriptMessage | undefined {
  const own = request.agent.handle;
  const candidates = request.transcript
    .filter((message) => message.sender.kind !== "agent" && message.messageId !== request.trigger.messageId)
    .toReversed();
  const names = (message: TranscriptMessage) =>
    handle !== undefined &&
    (message.text.toLowerCase().includes(`@${handle}`) ||
      message.content.some(
        (block) =>
          block.type === "mention" &&
          block.target === "agent" &&
          (block.id === handle || block.name.toLowerCase() === handle),
      ));
  const isForGuide = (message: TranscriptMessage) => message.text.toLowerCase().includes(`@${own}`);
  return candidates.find(names) ?? candidates.find((message) => !isForGuide(message));
}

function describeSteps(
  subject: TranscriptMessage,
  explanation: Explanation | undefined,
  agent: AgentView | undefined,
): string[] {
  const said = `The message of ${subject.sender.name} at ${subject.occurredAt}, "${excerpt(subject.text)}"`;
  if (explanation === undefined)
    return [`${said}: Parley has no record of it. It never arrived here, or it is older than what is kept.`];
  const own = explanation.steps.filter(
    (step) =>
      step.agent === undefined || agent === undefined || step.agent === agent.handle || step.agent === agent.agentId,
  );
  const lines = [
    `${said}, is **${explanation.state}**${explanation.stateReason === undefined ? "" : ` (${explanation.stateReason})`}. What was decided:`,
    "",
  ];
  lines.push(
    ...own.map(
      (step) =>
        `- ${step.verb}${step.agent === undefined || agent !== undefined ? "" : ` @${step.agent}`}: ${step.outcome}, by the rule \`${step.rule}\``,
    ),
  );
  if (agent !== undefined && !own.some((step) => step.agent !== undefined))
    lines.push(`- no decision about @${agent.handle} is recorded: it was not considered for this message`);
  lines.push("", `The same, with every detail: \`parley explain ${explanation.eventId}\`.`);
  return lines;
}

async function describeAgentState(operations: Operations, organizationId: string, agent: AgentView): Promise<string[]> {
  if (agent.status !== "active")
    return ["", `@${agent.handle} is ${agent.status} by an operator and answers nothing until it is resumed.`];
  const check = await operations.agents.check(organizationId, agent.handle);
  return [
    "",
    check.ok
      ? `@${agent.handle} can be reached now (${check.detail}).`
      : `@${agent.handle} cannot answer now: ${check.detail}.`,
  ];
}

const EXCERPT_CHARS = 80;

function excerpt(text: string): string {
  // A backtick of theirs would turn what is code in this answer into text, and the other way round.
  const line = text.replace(/[\s`]+/g, " ").trim();
  return line.length > EXCERPT_CHARS ? `${line.slice(0, EXCERPT_CHARS).toWellFormed()}…` : line;
}
