import type { TurnRequest } from "../../src/contracts/connector.ts";
import type { AgentView, Operations, SystemStatus } from "../../src/contracts/operations.ts";

const STATUS_WORDS = {
  active: "Active",
  paused: "Paused by an operator",
  stopped: "Stopped by the kill switch",
} as const;

/** Facts of the live state as Markdown; each function tells what it read and no more. */

/** Guarantees who of the agents is in this conversation and who else there is. */
export function describeAgents(agents: readonly AgentView[], request: TurnRequest): string {
  const here = handlesHere(request);
  if (agents.length === 0) return "No agent is registered.";
  const present = agents.filter((agent) => here.has(agent.handle));
  const elsewhere = agents.filter((agent) => !here.has(agent.handle));
  const lines = [
    present.length === 0 ? "No agent is a member of this conversation." : `In this conversation (${present.length}):`,
    ...present.map(toLine),
  ];
  if (elsewhere.length > 0) lines.push("", `Registered, but not here (${elsewhere.length}):`, ...elsewhere.map(toLine));
  return lines.join("\n");
}

/** Most agents that are checked for one question: a check calls the agent. */
const MAX_CHECKED = 5;

/** Guarantees what is known of each named agent: whether it exists, is a member here, and can be reached now. */
export async function describeNamedAgents(
  operations: Operations,
  agents: readonly AgentView[],
  request: TurnRequest,
  handles: readonly string[],
): Promise<string> {
  const here = handlesHere(request);
  const lines: string[] = [];
  for (const handle of handles.slice(0, MAX_CHECKED)) {
    const agent = agents.find((entry) => entry.handle === handle);
    if (agent === undefined) {
      lines.push(`There is no agent @${handle}.`);
      continue;
    }
    const check = await operations.agents.check(request.organizationId, handle);
    const place = here.has(handle) ? "It is a member of this conversation" : "It is not a member of this conversation";
    lines.push(
      `${toLine(agent)} ${place}, and ${check.ok ? `can be reached now (${check.detail}).` : `cannot answer now: ${check.detail}.`}`,
    );
  }
  return lines.join("\n");
}

function handlesHere(request: TurnRequest): ReadonlySet<string> {
  return new Set(request.roster.filter((entry) => entry.kind === "agent").map((entry) => entry.handle ?? entry.id));
}

function toLine(agent: AgentView): string {
  const description = agent.description === "" ? "" : `: ${agent.description.replace(/[.\s]*$/, "")}`;
  return `- **${agent.name}** (\`@${agent.handle}\`)${description}. ${STATUS_WORDS[agent.status]}, reached as ${agent.connectorKind}.`;
}

/** Guarantees who can be found in this conversation, from the roster that came with the question. */
export function describePeople(request: TurnRequest): string {
  const people = request.roster.filter((entry) => entry.kind !== "agent");
  const agents = request.roster.filter((entry) => entry.kind === "agent");
  if (request.roster.length === 0) return "I was given no list of who is here.";
  const lines = [`${people.length === 1 ? "One person is" : `${people.length} people are`} in ${placeOf(request)}:`];
  lines.push(
    ...people.map(
      (entry) =>
        `- ${entry.name}${entry.kind === "human" ? "" : entry.kind === "bot" ? " (a bot)" : " (a guest from outside)"}`,
    ),
  );
  if (agents.length > 0)
    lines.push(
      "",
      `With ${agents.length === 1 ? "one agent" : `${agents.length} agents`}:`,
      ...agents.map((entry) => `- ${entry.name} (\`@${entry.handle ?? entry.id}\`)`),
    );
  return lines.join("\n");
}

function placeOf(request: TurnRequest): string {
  const { channel, thread } = request.conversation.path;
  if (channel.kind === "direct") return "this direct conversation";
  return `${thread === undefined ? "" : "this thread of "}**${channel.name ?? "this room"}**`;
}

/** Guarantees the rooms that anybody of the organization may hear of; of all others the number alone, since their names are their members' business. */
export function describeRooms(status: SystemStatus, request: TurnRequest): string {
  const open = status.rooms.filter((room) => room.kind === "public" && room.organizationId === request.organizationId);
  const lines = [`You are in ${placeOf(request)} on ${request.conversation.platform}.`];
  if (open.length > 0) {
    lines.push("", "Rooms that are open to everybody:");
    lines.push(
      ...open.map(
        (room) =>
          `- **${room.name}** (${room.platform}): ${count(room.people, "person", "people")}, ${room.agents.length === 0 ? "no agents" : room.agents.map((handle) => `@${handle}`).join(", ")}`,
      ),
    );
  }
  const others = status.rooms.length - open.length;
  if (others > 0)
    lines.push(
      "",
      `Parley knows ${count(others, "more conversation", "more conversations")}; I do not name those that are not open to everybody.`,
    );
  return lines.join("\n");
}

/** Guarantees how much work waits and whether it moves. */
export function describeQueue(status: SystemStatus): string {
  const { queue, work } = status;
  const open = work.pendingEvents + work.queuedTurns + work.runningTurns + work.pendingDeliveries;
  return [
    open === 0
      ? "Nothing waits: every accepted message has been worked off."
      : `${count(open, "piece", "pieces")} of work ${open === 1 ? "is" : "are"} open, the oldest for ${duration(work.oldestOpenMs)}.`,
    `- messages not routed yet: ${work.pendingEvents}`,
    `- turns: ${work.runningTurns} running, ${work.queuedTurns} waiting`,
    `- deliveries waiting: ${work.pendingDeliveries}; with unknown outcome: ${work.unknownDeliveries}`,
    `- queue on ${queue.backend}: ${queue.ok ? "answers" : `does not answer${queue.detail === undefined ? "" : ` (${queue.detail})`}; work waits safely in the ledger`}, ${queue.waiting} jobs waiting, ${Math.round(queue.latencyMs)} ms`,
  ].join("\n");
}

/** Guarantees which platforms are connected, and when each last said something. */
export function describePlatforms(status: SystemStatus, question: string, nowMs: number): string {
  const asked = ["slack", "discord", "matrix", "web"].filter((platform) => question.toLowerCase().includes(platform));
  const shown =
    asked.length === 0 ? status.platforms : status.platforms.filter((entry) => asked.includes(entry.platform));
  const missing = asked.filter((platform) => !status.platforms.some((entry) => entry.platform === platform));
  const lines = shown.map((entry) => {
    const since =
      entry.lastEventAt === undefined
        ? "no event since the start"
        : `last event ${duration(nowMs - Date.parse(entry.lastEventAt))} ago`;
    return `- **${capital(entry.platform)}** (${entry.name}): ${entry.state}${entry.detail === undefined ? "" : `, ${entry.detail}`}; ${since}`;
  });
  lines.push(...missing.map((platform) => `- **${capital(platform)}** is not connected to this Parley.`));
  return lines.length === 0 ? "No platform is connected." : lines.join("\n");
}

/** Guarantees what failed for good and still waits for a person. */
export async function describeFailures(operations: Operations, organizationId: string): Promise<string> {
  const letters = await operations.deadLetters.list(organizationId, { state: "open", limit: 100 });
  if (letters.length === 0) return "There are no dead letters: nothing failed for good.";
  const byCode = Map.groupBy(letters, (letter) => `${letter.stage}: ${letter.code}`);
  return [
    `${letters.length === 100 ? "At least 100" : letters.length} dead ${letters.length === 1 ? "letter waits" : "letters wait"} for an operator (\`parley deadletters\`):`,
    ...[...byCode].map(
      ([kind, entries]) =>
        `- ${kind} (${entries.length}), newest ${
          entries
            .map((entry) => entry.createdAt)
            .sort()
            .at(-1) ?? ""
        }`,
    ),
  ].join("\n");
}

/** Guarantees whether the parts that a message needs answer. */
export function describeHealth(status: SystemStatus): string {
  const { ledger, queue } = status;
  const failed = status.platforms.filter((entry) => entry.state === "failed");
  const say = (isOk: boolean, detail: string | undefined) =>
    isOk ? "answers" : `does not answer${detail === undefined ? "" : ` (${detail})`}`;
  return [
    ledger.ok && queue.ok && failed.length === 0
      ? "Everything that a message needs is working."
      : "Something is wrong:",
    `- ledger (${ledger.backend}): ${say(ledger.ok, ledger.detail)}, ${Math.round(ledger.latencyMs)} ms`,
    `- queue (${queue.backend}): ${say(queue.ok, queue.detail)}, ${Math.round(queue.latencyMs)} ms`,
    ...failed.map(
      (entry) =>
        `- ${capital(entry.platform)} (${entry.name}): failed${entry.detail === undefined ? "" : `, ${entry.detail}`}`,
    ),
  ].join("\n");
}

function count(amount: number, one: string, many: string): string {
  return `${amount} ${amount === 1 ? one : many}`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Guarantees a length of time as a person says it. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 90) return count(seconds, "second", "seconds");
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return count(minutes, "minute", "minutes");
  const hours = Math.round(minutes / 60);
  return hours < 48 ? count(hours, "hour", "hours") : count(Math.round(hours / 24), "day", "days");
}
