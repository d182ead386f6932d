import { createHash } from "node:crypto";
import type { TurnIo, TurnRequest } from "../../src/contracts/connector.ts";
import type { RequestOutcome, RequestPart } from "../../src/contracts/turn-requests.ts";
import { ParleyError, toParleyError } from "../../src/errors/parley-error.ts";
import { describeHidden } from "../shared/redact-arguments.ts";
import { ToolFailure } from "./tool-call.ts";

/** Most characters of arguments that a question shows; nobody can agree to what they cannot see. */
const MAX_SHOWN_ARGUMENTS = 2_000;

export interface ToolApprovals {
  /** Resolves once a person has agreed to exactly this call; throws ToolFailure `denied` for every other outcome. */
  demand(tool: string, input: unknown, signal: AbortSignal): Promise<void>;
}

/**
 * Guarantees that a call is carried out at most once for each time that somebody agreed to it.
 *
 * A later attempt of the turn finds the decision that was made. If the call was begun under it already, the model is told so and nothing
 * is repeated; the same call again is a new question.
 */
export function createToolApprovals(request: TurnRequest, io: TurnIo): ToolApprovals {
  const timesAsked = new Map<string, number>();
  const used = new UsedApprovals(request, io);
  return {
    async demand(tool, input, signal) {
      if (io.requests === undefined)
        throw new ToolFailure("denied", "This call needs the consent of a person, and nobody can be asked here.");
      const call = JSON.stringify([tool, input]);
      const time = timesAsked.get(call) ?? 0;
      timesAsked.set(call, time + 1);
      const approvalId = `tool-${createHash("sha256").update(`${time}:${call}`).digest("hex").slice(0, 32)}`;
      const binding = { tool, arguments: input ?? null, time };
      const outcome = await io.requests.ask(toQuestion(approvalId, tool, input), { binding, signal }).catch(toDenial);
      const refusal = toRefusal(outcome);
      if (refusal !== undefined) throw new ToolFailure("denied", refusal);
      if (!(await used.begin(approvalId)))
        throw new ToolFailure(
          "error",
          "This call was agreed to and begun before this turn had to start again. Whether it was carried out is not known, and it is not repeated. Say so, or make the call again to ask anew.",
        );
    },
  };
}

function toQuestion(approvalId: string, tool: string, input: unknown): RequestPart {
  const described = describeHidden(input);
  const shown = JSON.stringify(described.shown, null, 2) ?? "{}";
  if (shown.length > MAX_SHOWN_ARGUMENTS)
    throw new ToolFailure("denied", "The arguments are too long to be shown to the person who would have to agree.");
  return {
    type: "approval_request",
    approvalId,
    prompt: `May I use the tool ${tool}?${described.hidden === 0 ? "" : " What is hidden below is used too."}`,
    subject: `${tool} ${shown}`,
    options: [
      { id: "allow", label: "Allow once", effect: "allow" },
      { id: "deny", label: "Deny", effect: "deny" },
    ],
  };
}

/** A question that cannot be put is an answer to the model; the end of the turn is not. */
function toDenial(thrown: unknown): RequestOutcome {
  const error = toParleyError(thrown);
  if (error.code !== "REQUEST_INVALID" && error.code !== "PERMISSION_DENIED") throw thrown;
  return { state: "cancelled", reason: error.row.userText };
}

function toRefusal(outcome: RequestOutcome): string | undefined {
  if (outcome.state === "expired") return "Nobody decided in time, so this call was not made.";
  if (outcome.state === "cancelled") return "The question was called off, so this call was not made.";
  if (outcome.effect === "allow") return undefined;
  return `${outcome.by.name} denied this call. Do not make it again unless you are asked to.`;
}

/** Remembers over restarts under which approvals a call was begun. */
class UsedApprovals {
  readonly #turnId: string;
  readonly #session: TurnIo["session"];
  readonly #isRepeated: boolean;
  #used: Promise<Set<string>> | undefined;

  constructor(request: TurnRequest, io: TurnIo) {
    this.#turnId = request.turnId;
    this.#session = io.session;
    this.#isRepeated = request.attempt > 1;
  }

  /** False when it was begun already. The note is kept before the call is made: rather once too few than twice. */
  async begin(approvalId: string): Promise<boolean> {
    const before = this.#used ?? this.#read();
    const next = before.then(async (used) => {
      if (used.has(approvalId)) return used;
      const more = new Set(used).add(approvalId);
      await this.#session?.write(JSON.stringify({ turn: this.#turnId, used: [...more] }));
      return more;
    });
    this.#used = next;
    return (await next) !== (await before);
  }

  async #read(): Promise<Set<string>> {
    const kept = this.#isRepeated ? await this.#session?.read() : undefined;
    if (kept === undefined || kept === "") return new Set();
    try {
      const note: unknown = JSON.parse(kept);
      if (typeof note !== "object" || note === null || !("turn" in note) || note.turn !== this.#turnId)
        return new Set();
      return new Set("used" in note && Array.isArray(note.used) ? note.used.map(String) : []);
    } catch {
      throw new ParleyError("INVARIANT_BROKEN", { detail: "the note of used approvals cannot be read" });
    }
  }
}
