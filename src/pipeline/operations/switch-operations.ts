import type { StopReport, SwitchOperations } from "../../contracts/operations.ts";
import { ParleyError } from "../../errors/parley-error.ts";
import type { Database } from "../../ledger/connection/database.ts";
import { endStopped, readOrganization, type SwitchedOff, switchOff, switchOn } from "../../ledger/switches.ts";
import type { Directory } from "../directory.ts";
import { toView } from "./agent-operations.ts";

export interface SwitchOptions {
  readonly database: Database;
  readonly directory: Directory;
  /** Reads the access lists and switches again. */
  readonly refreshPolicies: () => Promise<void>;
  readonly wake: () => void;
  /** Asks running turns to stop, wherever they run. */
  readonly cancelRunning: (turnIds: readonly string[], request: string) => void;
}

/** How long after the switch what slipped in beside it is looked for once more, in ms; statements that had begun before are through by then. */
const SECOND_LOOK_MS = 500;

/** The kill switches: each is one transaction, and in every process the turns that run are told through their signals. */
export function createSwitchOperations(options: SwitchOptions): SwitchOperations {
  const { database, directory } = options;

  function tell(turns: SwitchedOff["turns"]): void {
    for (const [rule, ended] of Map.groupBy(turns, (turn) => turn.rule))
      options.cancelRunning(
        ended.map((turn) => turn.id),
        `cancelled:${rule}`,
      );
  }

  function report(off: SwitchedOff): StopReport {
    tell(off.turns);
    // Whoever takes over from this process finds the rest by the reconciler.
    setTimeout(() => void endStopped(database).then(tell, () => undefined), SECOND_LOOK_MS).unref();
    return { stoppedTurns: off.turns.length, cancelledDeliveries: off.cancelledDeliveries };
  }

  async function organization(organizationId: string) {
    const row = await readOrganization(database, organizationId);
    if (row === undefined) throw new ParleyError("NOT_FOUND", { detail: `there is no organization ${organizationId}` });
    return { organizationId, status: row.status, ...(row.reason === null ? {} : { reason: row.reason }) };
  }

  function noAgent(handle: string): ParleyError {
    return new ParleyError("NOT_FOUND", { detail: `there is no agent @${handle}` });
  }

  return {
    organization,
    async stopAgent(organizationId, handle, { reason, by }) {
      const off = await switchOff(database, { organizationId, agentHandle: handle, reason, by });
      if (off === undefined) throw noAgent(handle);
      const done = report(off);
      await directory.refresh();
      const agent = directory.byHandle(organizationId, handle);
      if (agent === undefined) throw noAgent(handle);
      return { agent: toView(agent), ...done };
    },
    async resumeAgent(organizationId, handle, { by }) {
      if (!(await switchOn(database, { organizationId, agentHandle: handle, reason: "", by }))) throw noAgent(handle);
      await directory.refresh();
      options.wake();
      const agent = directory.byHandle(organizationId, handle);
      if (agent === undefined) throw noAgent(handle);
      return toView(agent);
    },
    async stopOrganization(organizationId, { reason, by }) {
      const off = await switchOff(database, { organizationId, reason, by });
      if (off === undefined)
        throw new ParleyError("NOT_FOUND", { detail: `there is no organization ${organizationId}` });
      const done = report(off);
      await options.refreshPolicies();
      return { ...(await organization(organizationId)), ...done };
    },
    async resumeOrganization(organizationId, { by }) {
      await organization(organizationId);
      await switchOn(database, { organizationId, reason: "", by });
      await options.refreshPolicies();
      options.wake();
      return await organization(organizationId);
    },
  };
}
