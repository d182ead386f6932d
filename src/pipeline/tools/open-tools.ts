import type { IngestOutcome } from "../../contracts/adapter-sink.ts";
import type { TurnFiles } from "../../contracts/connector.ts";
import type { EnvelopeInput } from "../../envelope/envelope.ts";
import { ParleyError } from "../../errors/parley-error.ts";
import { createCommandResultStore } from "../../ledger/command-results.ts";
import type { SecretBox } from "../../ledger/secret-box.ts";
import { createToolCallStore } from "../../ledger/tool-calls.ts";
import { loadTurns } from "../../ledger/turns.ts";
import { fromLoaded } from "../invoke/runnable-turn.ts";
import { openToolDesk, type ToolDesk } from "./tool-desk.ts";
import type { ToolTokens } from "./tool-tokens.ts";
import { createTurnTools, type ToolboxPorts } from "./toolbox.ts";
import { createTurnCommands } from "./turn-commands.ts";
import { createTurnKits, type TurnKits, unasked } from "./turn-kit.ts";

/** The files of a turn that runs in another process: here its tools are named, there they are called. */
const ELSEWHERE: TurnFiles = {
  read: () => Promise.reject(new ParleyError("NOT_FOUND", { detail: "the turn runs in another process" })),
  url: () => undefined,
};

export interface TurnToolsPorts extends Omit<ToolboxPorts, "ingest"> {
  readonly box: SecretBox;
  readonly tokens: ToolTokens;
  readonly baseUrl: () => string;
  readonly ingest: (envelope: EnvelopeInput) => Promise<IngestOutcome>;
}

/** Puts the tools of turns together: what agents may call, the desk where they are called from outside, and commands in what agents write. */
export async function openTurnTools(
  ports: TurnToolsPorts,
): Promise<{ readonly desk: ToolDesk; readonly kits: TurnKits }> {
  const { database, directory, owner, box, newId, logger } = ports;
  const desk = await openToolDesk({
    database,
    tokens: ports.tokens,
    calls: createToolCallStore(database, box),
    newId,
    logger,
    baseUrl: ports.baseUrl,
    async describe({ id }) {
      const [loaded] = await loadTurns(database, [id]);
      const turn = loaded === undefined ? undefined : fromLoaded(loaded, directory);
      if (turn === undefined) return undefined;
      const files = ports.adapter(turn.platform).features.media === undefined ? undefined : ELSEWHERE;
      return createTurnTools(ports, { ...unasked(turn), files, turn, attach: () => undefined });
    },
  });
  const kits = createTurnKits({
    desk,
    commands: createTurnCommands({ database, owner, results: createCommandResultStore(database, box) }),
    tools: (of) => createTurnTools(ports, of),
  });
  return { desk, kits };
}
