import type { Database, SqlRunner } from "./connection/database.ts";
import type { SecretBox, SecretPlace } from "./secret-box.ts";

/** Told with the id of a call when it was made, and of its answer. */
export const TOOL_CALLS = "parley_tool_calls";
/** A call that nobody took or fetched for this long is forgotten. */
const KEPT = "interval '1 hour'";

/** A call that came to another process than the one that runs its turn. */
export interface ForwardedCall {
  readonly id: string;
  readonly organizationId: string;
  readonly turnId: string;
  readonly tool: string;
  readonly input: unknown;
}

/** Keeps calls of tools between two processes, encrypted, for as long as they are under way. */
export interface ToolCallStore {
  add(call: ForwardedCall): Promise<void>;
  /** The call, for one process alone; undefined when another has it or it is gone. */
  take(id: string): Promise<ForwardedCall | undefined>;
  /** Calls of these turns that nobody took yet. */
  waiting(turnIds: readonly string[]): Promise<readonly string[]>;
  answer(call: Pick<ForwardedCall, "id" | "organizationId" | "turnId">, result: unknown): Promise<void>;
  /** The answer, once, with which the call is forgotten; undefined while there is none. */
  fetch(
    call: Pick<ForwardedCall, "id" | "organizationId" | "turnId">,
  ): Promise<{ readonly result: unknown } | undefined>;
  forget(id: string): Promise<void>;
}

interface StoredCall {
  readonly id: string;
  readonly organization_id: string;
  readonly turn_id: string;
  readonly tool: string;
  readonly input: string;
}

export function createToolCallStore(database: Database, box: SecretBox): ToolCallStore {
  const place = (call: Pick<ForwardedCall, "organizationId" | "turnId">, field: string): SecretPlace => ({
    organizationId: call.organizationId,
    platform: "turn",
    installationId: call.turnId,
    field,
  });
  const tell = (sql: SqlRunner, payload: string): Promise<unknown[]> =>
    sql.query({ name: "tell_tool_call", text: "select pg_notify($1, $2)" }, [TOOL_CALLS, payload]);
  return {
    async add(call) {
      const input = box.seal(place(call, `call:${call.id}`), { json: JSON.stringify(call.input ?? null) });
      await database.transaction(async (tx) => {
        await tx.query({
          name: "forget_old_tool_calls",
          text: `delete from tool_calls where created_at < now() - ${KEPT}`,
        });
        await tx.query(
          {
            name: "add_tool_call",
            text: "insert into tool_calls (id, organization_id, turn_id, tool, input) values ($1, $2, $3, $4, $5)",
          },
          [call.id, call.organizationId, call.turnId, call.tool, input],
        );
        await tell(tx, `call ${call.turnId} ${call.id}`);
      });
    },
    async take(id) {
      const [row] = await database.query<StoredCall>(
        {
          name: "take_tool_call",
          text: "update tool_calls set taken_at = now() where id = $1 and taken_at is null returning id, organization_id, turn_id, tool, input",
        },
        [id],
      );
      if (row === undefined) return undefined;
      const { organization_id: organizationId, turn_id: turnId, tool } = row;
      const { json = "null" } = box.open(place({ organizationId, turnId }, `call:${id}`), row.input);
      const input: unknown = JSON.parse(json);
      return { id, organizationId, turnId, tool, input };
    },
    async waiting(turnIds) {
      const rows = await database.query<{ id: string }>(
        {
          name: "waiting_tool_calls",
          text: "select id from tool_calls where turn_id = any($1::text[]) and taken_at is null order by created_at",
        },
        [turnIds],
      );
      return rows.map(({ id }) => id);
    },
    async answer(call, result) {
      const sealed = box.seal(place(call, `result:${call.id}`), { json: JSON.stringify(result ?? null) });
      await database.transaction(async (tx) => {
        await tx.query({ name: "answer_tool_call", text: "update tool_calls set result = $2 where id = $1" }, [
          call.id,
          sealed,
        ]);
        await tell(tx, `answer ${call.id}`);
      });
    },
    async fetch(call) {
      const [row] = await database.query<{ result: string }>(
        {
          name: "fetch_tool_call",
          text: "delete from tool_calls where id = $1 and result is not null returning result",
        },
        [call.id],
      );
      if (row === undefined) return undefined;
      const { json = "null" } = box.open(place(call, `result:${call.id}`), row.result);
      const result: unknown = JSON.parse(json);
      return { result };
    },
    async forget(id) {
      await database.query({ name: "forget_tool_call", text: "delete from tool_calls where id = $1" }, [id]);
    },
  };
}
