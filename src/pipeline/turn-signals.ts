import type { TranscriptMessage } from "../contracts/connector.ts";
import type { Envelope } from "../envelope/envelope.ts";
import type { Database } from "../ledger/connection/database.ts";
import { toTrigger } from "./assemble/transcript.ts";
import { callsOffSends } from "./ended-access.ts";
import type { TurnRunner } from "./invoke/turn-runner.ts";

const CHANNEL = "parley_turns";

/** Reaches running turns wherever they run: at once in this process, by notification in others, and by their next heartbeat if that is lost. */
export interface TurnSignals {
  cancel(turnId: string, request: string): void;
  steer(turnId: string, eventId: string, message: TranscriptMessage): void;
  close(): Promise<void>;
}

/** `haltSending` gives up what is about to be sent for a turn that has lost its access, or whose asker has left. */
export async function openTurnSignals(
  database: Database,
  runner: TurnRunner,
  haltSending: (turnId: string, rule: string) => boolean,
  onError: (error: unknown) => void,
): Promise<TurnSignals> {
  const announce = (payload: string): void =>
    void database.query({ text: "select pg_notify($1, $2)" }, [CHANNEL, payload]).catch(onError);

  async function hearSteer(turnId: string, eventId: string): Promise<void> {
    if (!runner.active().has(turnId)) return;
    const [row] = await database.query<{ envelope: Envelope; conversation_id: string }>(
      { text: "select envelope, conversation_id from events where id = $1 and state = 'steering'" },
      [eventId],
    );
    if (row !== undefined) runner.steer(turnId, eventId, toTrigger(row.envelope, row.conversation_id, undefined));
  }

  function cancelHere(turnId: string, request: string): boolean {
    const rule = callsOffSends(request);
    const halted = rule !== undefined && haltSending(turnId, rule);
    return runner.cancel(turnId, request) || halted;
  }

  const stop = await database.listen(CHANNEL, (payload) => {
    const [what, turnId = "", ...rest] = payload.split(" ");
    if (what === "cancel") cancelHere(turnId, rest.join(" "));
    if (what === "steer") void hearSteer(turnId, rest[0] ?? "").catch(onError);
  });
  return {
    cancel(turnId, request) {
      if (!cancelHere(turnId, request)) announce(`cancel ${turnId} ${request}`);
    },
    steer(turnId, eventId, message) {
      if (!runner.steer(turnId, eventId, message)) announce(`steer ${turnId} ${eventId}`);
    },
    close: stop,
  };
}
