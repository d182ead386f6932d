import type { ToolAccess } from "../../contracts/connector.ts";
import type { JsonValue } from "../../contracts/json.ts";
import type { Logger } from "../../contracts/logger.ts";
import type { TurnTool } from "../../contracts/turn-tool.ts";
import { ParleyError } from "../../errors/parley-error.ts";
import type { Database } from "../../ledger/connection/database.ts";
import type { NewId } from "../../ledger/row-ids.ts";
import { TOOL_CALLS, type ToolCallStore } from "../../ledger/tool-calls.ts";
import { readTokenTurn, type TokenTurn } from "../../ledger/tool-grants.ts";
import type { RunnableTurn } from "../invoke/runnable-turn.ts";
import { errorOf, TURN_OVER } from "./tool-answer.ts";
import type { ToolGrant, ToolTokens } from "./tool-tokens.ts";

/** The tools of one turn as somebody with its token reaches them. */
export interface OpenTools {
  readonly tools: readonly Pick<TurnTool, "name" | "description" | "input" | "effect">[];
  /** Always resolves: with the result, or with `{ error }`. */
  call(name: string, input: unknown, signal: AbortSignal): Promise<JsonValue>;
}

/** One turn's place at the desk. */
export interface OpenDesk {
  /** Undefined where no address is known. */
  access(): ToolAccess | undefined;
  /** Ends every call that is under way and takes no more. */
  close(): void;
}

/** Where the tools of running turns can be reached from outside, in whichever process the turn runs. */
export interface ToolDesk {
  /** From now on the turn's tools can be called with a token of it, until it is closed. */
  open(turn: RunnableTurn, tools: readonly TurnTool[]): OpenDesk;
  /** The tools that a token stands for at this moment; undefined for one that is wrong, has expired, or of a turn that has ended, was taken over or lost its access. */
  present(token: string): Promise<OpenTools | undefined>;
  close(): Promise<void>;
}

export interface ToolDeskPorts {
  readonly database: Database;
  readonly tokens: ToolTokens;
  readonly calls: ToolCallStore;
  readonly newId: NewId;
  readonly logger: Logger;
  /** Address under which Parley is reached from outside; empty when there is none. */
  readonly baseUrl: () => string;
  /** The tools of a turn that runs in another process, to be named and not to be called. */
  readonly describe: (turn: TokenTurn) => Promise<OpenTools["tools"] | undefined>;
}

interface OpenTurn {
  readonly turn: RunnableTurn;
  readonly tools: readonly TurnTool[];
  readonly ended: AbortController;
}

/** Longest life of a token beyond its turn's deadline: a turn that asks people stands still, and its token is looked up in every call anyway. */
const MAX_LIFE_MS = 86_400_000;
/** How often an answer is looked for that no notification told of, in ms. */
const LOOK_EVERY_MS = 2_000;

/** Opens the desk of a process. A call for a turn that runs elsewhere goes there through the ledger, and its answer comes back the same way. */
export async function openToolDesk(ports: ToolDeskPorts): Promise<ToolDesk> {
  const { database, tokens, calls, newId, logger } = ports;
  const open = new Map<string, OpenTurn>();
  const waiting = new Map<string, () => void>();
  const warn = (error: unknown): void => logger.warn({ err: error }, "a tool call between processes was lost");

  async function callHere(entry: OpenTurn, name: string, input: unknown, signal: AbortSignal): Promise<JsonValue> {
    const tool = entry.tools.find((one) => one.name === name);
    if (tool === undefined) return { error: "there is no such tool in this turn" };
    return await tool.execute(input, AbortSignal.any([entry.ended.signal, signal])).catch(errorOf);
  }

  async function serve(id: string): Promise<void> {
    const call = await calls.take(id);
    if (call === undefined) return;
    const entry = open.get(call.turnId);
    const result =
      entry === undefined ? TURN_OVER : await callHere(entry, call.tool, call.input, new AbortController().signal);
    await calls.answer(call, result);
  }

  async function serveAll(): Promise<void> {
    if (open.size === 0) return;
    for (const id of await calls.waiting([...open.keys()])) void serve(id).catch(warn);
  }

  async function forward(turn: TokenTurn, tool: string, input: unknown, signal: AbortSignal): Promise<JsonValue> {
    const call = { id: newId("u"), organizationId: turn.organization_id, turnId: turn.id, tool, input };
    try {
      await calls.add(call);
      for (;;) {
        const answered = await calls.fetch(call);
        if (answered !== undefined) return answered.result as JsonValue; // a tool's result, which went through the ledger as JSON
        if (signal.aborted || !(await runs(turn))) return TURN_OVER;
        await told(call.id, signal);
      }
    } catch (error) {
      warn(error);
      return errorOf(error);
    } finally {
      await calls.forget(call.id).catch(warn);
    }
  }

  /** Resolves when there is something to look at: the answer, or a while without one. */
  function told(id: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        waiting.delete(id);
        signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, LOOK_EVERY_MS);
      waiting.set(id, done);
      signal.addEventListener("abort", done, { once: true });
    });
  }

  async function runs(turn: TokenTurn): Promise<boolean> {
    const now = await readTokenTurn(database, turn.id);
    return now !== undefined && now.epoch === turn.epoch && isLive(now);
  }

  async function find(grant: ToolGrant): Promise<TokenTurn | undefined> {
    const turn = await readTokenTurn(database, grant.turnId);
    if (turn === undefined || !isLive(turn)) return undefined;
    const { epoch, agentId, conversationId } = grant;
    return turn.epoch === epoch && turn.agent_id === agentId && turn.reply_conversation_id === conversationId
      ? turn
      : undefined;
  }

  const stopListening = await database.listen(
    TOOL_CALLS,
    (payload) => {
      const [what, first = "", second = ""] = payload.split(" ");
      if (what === "call" && open.has(first)) void serve(second).catch(warn);
      if (what === "answer") waiting.get(first)?.();
    },
    () => {
      for (const look of waiting.values()) look();
      void serveAll().catch(warn);
    },
  );

  return {
    open(turn, tools) {
      const entry: OpenTurn = { turn, tools, ended: new AbortController() };
      open.set(turn.turnId, entry);
      return {
        access() {
          const baseUrl = ports.baseUrl();
          if (baseUrl === "") return undefined;
          const expiresAtMs = Math.min(Date.now() + MAX_LIFE_MS, turn.deadlineAt.getTime() + MAX_LIFE_MS);
          const { turnId, epoch, replyConversationId: conversationId } = turn;
          const token = tokens.mint({ turnId, epoch, agentId: turn.agent.agentId, conversationId, expiresAtMs });
          return { url: `${baseUrl}/mcp`, token, expiresAt: new Date(expiresAtMs).toISOString() };
        },
        close() {
          entry.ended.abort(new ParleyError("TURN_CANCELLED", { detail: "the turn has ended" }));
          if (open.get(turn.turnId) === entry) open.delete(turn.turnId);
        },
      };
    },
    async present(token) {
      const grant = tokens.verify(token, Date.now());
      const turn = grant === undefined ? undefined : await find(grant);
      if (turn === undefined) return undefined;
      const entry = open.get(turn.id);
      if (entry !== undefined && entry.turn.epoch === turn.epoch)
        return { tools: entry.tools, call: (name, input, signal) => callHere(entry, name, input, signal) };
      const tools = await ports.describe(turn);
      if (tools === undefined) return undefined;
      return { tools, call: (name, input, signal) => forward(turn, name, input, signal) };
    },
    close: stopListening,
  };
}

function isLive(turn: TokenTurn): boolean {
  return (
    turn.state === "running" &&
    turn.cancel_requested === null &&
    turn.agent_status !== null &&
    turn.agent_status !== "stopped" &&
    turn.organization_status !== "stopped" &&
    turn.self_member !== false &&
    turn.archived !== true &&
    !turn.membership_changed
  );
}
