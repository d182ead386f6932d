import type { z } from "zod";
import type { PolicyBook } from "../../access/policy-book.ts";
import type { TextDigest } from "../../access/text-digest.ts";
import type { AccessAction } from "../../contracts/access.ts";
import type { JsonValue } from "../../contracts/json.ts";
import type { Logger } from "../../contracts/logger.ts";
import type { TurnTool } from "../../contracts/turn-tool.ts";
import type { Envelope } from "../../envelope/envelope.ts";
import { type AuditEntry, appendAudit } from "../../ledger/audit-log.ts";
import type { Database } from "../../ledger/connection/database.ts";
import { readEnvelope } from "../../ledger/turn-trigger.ts";
import { beginCall, type TurnStanding } from "../../ledger/turn-writes.ts";
import { agentMay } from "../agent-grant.ts";
import type { ReadingRights } from "../assemble/reading-rights.ts";
import type { Directory } from "../directory.ts";
import type { RunnableTurn } from "../invoke/runnable-turn.ts";
import { heardIn } from "../invoke/shadow.ts";
import { askingPerson } from "../route/asking-person.ts";
import { errorOf, type ToolError, TURN_OVER, toolError } from "./tool-answer.ts";
import type { ToolSpec } from "./tool-spec.ts";

export interface CallGuardPorts {
  readonly database: Database;
  readonly owner: string;
  readonly directory: Directory;
  readonly policies: PolicyBook;
  readonly digest: TextDigest;
  readonly rights: ReadingRights;
  readonly logger: Logger;
}

/** Calls that one attempt of a turn may make; beyond them something runs in circles. */
export const MAX_CALLS = 500;
/** Calls of one turn that are carried out at once; others wait. */
const MAX_AT_ONCE = 8;
const DEFAULT_INPUT_CHARS = 65_536;

/**
 * Guarantees that every call of these tools is bounded, audited and allowed at its very moment, and that whatever becomes of it is a result.
 *
 * Checked in each call: the turn runs and is this worker's, the agent and its organization are not stopped, the agent is a member of the
 * conversation and may do what the tool does. The audit log has the tool's name and a keyed digest of what it was given, never that itself.
 */
export function guardTools(ports: CallGuardPorts, turn: RunnableTurn, specs: readonly ToolSpec[]): readonly TurnTool[] {
  const { database, owner, policies, directory } = ports;
  const fence = { turnId: turn.turnId, epoch: turn.epoch, owner };
  const slots = createSlots(MAX_AT_ONCE);
  const repeats = new Map<string, number>();
  let calls = 0;

  function decide(spec: ToolSpec, standing: TurnStanding): string | undefined {
    const agent = directory.get(turn.agent.agentId);
    if (agent === undefined || standing.agent_status === null) return "agent_removed";
    if (standing.agent_status === "stopped") return "agent_stopped";
    if (standing.organization_status === "stopped") return "organization_stopped";
    if (standing.membership_changed) return "membership_changed";
    const { path } = heardIn(turn);
    const access = agentMay(
      agent,
      spec.needs,
      { installationId: turn.installationId, path },
      policies.of(turn.organizationId),
      {
        archived: standing.archived === true,
        ...(standing.self_member === null ? {} : { identityInChannel: standing.self_member }),
      },
    );
    return access.allowed ? undefined : access.rule;
  }

  /**
   * The rule by which the person on whose behalf the turn runs may not do it; undefined where they may, or where nobody asked. An agent that asks
   * another acts for whoever asked it, so that nobody is given by a chain of agents what they do not have.
   */
  async function askerBarred(action: AccessAction): Promise<string | undefined> {
    const { organizationId, installationId } = turn;
    const first =
      turn.rootEventId === turn.eventId
        ? turn.envelope
        : await readEnvelope(database, organizationId, turn.rootEventId);
    if (first === undefined) return "asker_unknown";
    const person = askingPerson(first as Envelope); // validated at ingest
    if (person === undefined) return undefined;
    const where = { organizationId, installationId, path: heardIn(turn).path };
    const may = await ports.rights.personMay(person.id, action, where);
    return may.allowed ? undefined : `sender_${may.rule}`;
  }

  async function refuse(spec: ToolSpec, digest: string, rule: string): Promise<ToolError> {
    const entry = { by: turn.agent.agentId, turn: turn.turnId, tool: spec.name, action: spec.needs, rule, digest };
    await database.transaction((tx) => appendAudit(tx, turn.organizationId, [{ what: "denied", ...entry }]));
    return toolError(`you may not do that here (${rule})`);
  }

  async function call(spec: ToolSpec, input: unknown, signal: AbortSignal): Promise<JsonValue> {
    calls += 1;
    if (calls > MAX_CALLS) return toolError(`a turn may call its tools ${MAX_CALLS} times; answer with what you have`);
    const text = textOf(input);
    if (text === undefined) return toolError("the input is no JSON");
    if (text.length > (spec.maxInputChars ?? DEFAULT_INPUT_CHARS)) return toolError("the input is too large");
    const parsed = spec.input.safeParse(input);
    if (!parsed.success) return toolError(faultsOf(parsed.error));
    const digest = ports.digest(`${spec.name} ${text}`);
    const key = callKey(spec, parsed.data, digest);
    const audit: AuditEntry = { what: "tool_call", by: turn.agent.agentId, turn: turn.turnId, tool: spec.name, digest };
    const standing = await beginCall(database, { fence, organizationId: turn.organizationId, audit });
    if (standing === undefined || signal.aborted) return TURN_OVER;
    const rule = decide(spec, standing);
    if (rule !== undefined) return await refuse(spec, digest, rule);
    const barred = spec.needsOfAsker === undefined ? undefined : await askerBarred(spec.needsOfAsker);
    if (barred !== undefined) return await refuse(spec, digest, barred);
    return await spec.execute(parsed.data, { signal, key });
  }

  /** The same call, made again by a later attempt of the turn, has the same key: the agent's own id of it, or what it asks and how often it did. */
  function callKey(spec: ToolSpec, input: unknown, digest: string): string {
    const own =
      typeof input === "object" && input !== null && "callId" in input && typeof input.callId === "string"
        ? input.callId
        : undefined;
    if (own !== undefined) return `${spec.name}:id:${own}`;
    const count = repeats.get(digest) ?? 0;
    repeats.set(digest, count + 1);
    return `${spec.name}:${digest}:${count}`;
  }

  return specs.map((spec) => ({
    name: spec.name,
    description: spec.description,
    input: spec.input,
    effect: spec.effect,
    async execute(input, signal) {
      const release = await slots.take();
      try {
        return await call(spec, input, signal);
      } catch (thrown) {
        const answer = errorOf(thrown);
        ports.logger.info({ turnId: turn.turnId, tool: spec.name, problem: answer.error }, "a tool failed");
        return answer;
      } finally {
        release();
      }
    },
  }));
}

function textOf(input: unknown): string | undefined {
  try {
    return JSON.stringify(input ?? {});
  } catch {
    return undefined;
  }
}

/** Where and why; nothing of what was given. */
function faultsOf(error: z.ZodError): string {
  const faults = error.issues.slice(0, 5).map(({ path, code, message }) => {
    const where = path.map(String).join(".").slice(0, 80);
    return `${where === "" ? "input" : where}: ${code === "unrecognized_keys" ? "unknown fields" : message}`;
  });
  return `the input is not valid: ${faults.join("; ")}`.slice(0, 500);
}

function createSlots(most: number): { take(): Promise<() => void> } {
  const waiting: (() => void)[] = [];
  let taken = 0;
  const release = (): void => {
    const next = waiting.shift();
    if (next === undefined) taken -= 1;
    else next();
  };
  return {
    async take() {
      if (taken < most) taken += 1;
      else await new Promise<void>((resolve) => waiting.push(resolve));
      return release;
    },
  };
}
