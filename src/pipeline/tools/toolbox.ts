import type { ChatAdapter } from "../../contracts/adapter.ts";
import type { IngestOutcome } from "../../contracts/adapter-sink.ts";
import type { TurnTool } from "../../contracts/turn-tool.ts";
import type { EnvelopeInput } from "../../envelope/envelope.ts";
import type { NewId } from "../../ledger/row-ids.ts";
import type { ReaderPorts } from "../assemble/conversation-reader.ts";
import type { Rosters } from "../assemble/roster.ts";
import { createReadingTools } from "../assemble/turn-tools.ts";
import { askTools } from "./ask-tools.ts";
import { attachTool } from "./attach-tool.ts";
import { type CallGuardPorts, guardTools } from "./call-guard.ts";
import { documentTools } from "./document-tools.ts";
import { notifyTool } from "./notify-tool.ts";
import { peopleTools } from "./people-tools.ts";
import { postTools } from "./post-tools.ts";
import { reactTool } from "./react-tool.ts";
import { scheduleTools } from "./schedule-tools.ts";
import type { ToolSpec, ToolTurn } from "./tool-spec.ts";
import { createTurnWriter } from "./turn-writer.ts";

export interface ToolboxPorts extends Omit<CallGuardPorts, "rights"> {
  readonly reader: ReaderPorts;
  readonly rosters: Rosters;
  readonly adapter: (platform: string) => ChatAdapter;
  readonly newId: NewId;
  readonly ingest: (envelope: EnvelopeInput) => Promise<IngestOutcome>;
  readonly ringOutbox: (conversationId: string) => void;
  readonly scheduleAdded: () => void;
}

/** All tools of one attempt of a turn that its agent's definition allows, each guarded by itself. */
export function createTurnTools(ports: ToolboxPorts, of: ToolTurn): readonly TurnTool[] {
  const { turn } = of;
  const { facts, rights } = ports.reader;
  const writer = createTurnWriter({ ...ports, facts }, turn);
  const reading = createReadingTools(ports.reader, turn, of).map(
    (tool): ToolSpec => ({
      name: tool.name,
      description: tool.description,
      input: tool.input,
      effect: "read",
      needs: "read_history",
      execute: (input, { signal }) => tool.execute(input, signal),
    }),
  );
  const specs = [
    ...reading,
    ...peopleTools(ports.rosters, turn),
    ...postTools(ports, turn, writer),
    ...reactTool(ports, turn, writer),
    ...notifyTool({ ...ports, facts, rights }, turn, writer),
    ...askTools({ ...ports, facts }, of, writer),
    ...attachTool(of),
    ...documentTools(ports, turn, writer),
    ...scheduleTools(ports, turn, writer),
  ];
  return guardTools(
    { ...ports, rights },
    turn,
    specs.filter(({ name }) => isAllowed(turn.agent.definition.tools, name)),
  );
}

function isAllowed(allowed: readonly string[], name: string): boolean {
  return allowed.includes("*") || allowed.includes(name);
}
