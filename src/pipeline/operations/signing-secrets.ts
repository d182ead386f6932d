import { ParleyError } from "../../errors/parley-error.ts";
import { replaceAgentSecrets } from "../../ledger/agents.ts";
import { appendAudit } from "../../ledger/audit-log.ts";
import type { Database } from "../../ledger/connection/database.ts";
import { agentSecrets, type SecretBox } from "../../ledger/secret-box.ts";
import { storedConfig } from "../connectors.ts";
import type { DirectoryAgent } from "../directory.ts";
import { type ConnectorKinds, splitSecrets } from "./connector-kinds.ts";

/** The secrets that Parley signs the turns of an agent with. */
export interface SigningSecrets {
  /** One more, which signs beside those before until they are ended. Throws CONFLICT where there is none to rotate. */
  rotate(agent: DirectoryAgent, by: string): Promise<string>;
  /** Lets the newest alone sign; false where there is no other. */
  endOld(agent: DirectoryAgent, by: string): Promise<boolean>;
}

export function createSigningSecrets(options: {
  readonly database: Database;
  readonly box: SecretBox;
  readonly kinds: ConnectorKinds;
}): SigningSecrets {
  const { database, box, kinds } = options;

  async function replace(
    agent: DirectoryAgent,
    config: ReturnType<typeof storedConfig>,
    change: string,
    by: string,
  ): Promise<void> {
    const { organizationId, agentId, handle, row } = agent;
    const { secrets } = splitSecrets(config, kinds.secretFields(config.kind));
    const sealed = box.seal(agentSecrets(organizationId, agentId), secrets);
    const isReplaced = await database.transaction(async (tx) => {
      if (!(await replaceAgentSecrets(tx, { id: agentId, revision: row.revision, secrets: sealed }))) return false;
      await appendAudit(tx, organizationId, [
        { what: "grant_changed", by, rule: "agent_secret", change, agent: handle },
      ]);
      return true;
    });
    if (!isReplaced)
      throw new ParleyError("CONFLICT", { detail: `@${handle} was changed by somebody else just now; try again` });
  }

  function refuse({ handle }: DirectoryAgent, because: string): never {
    throw new ParleyError("CONFLICT", { detail: `@${handle} ${because}` });
  }

  return {
    async rotate(agent, by) {
      const config = storedConfig(agent, box);
      const known = kinds.signingSecrets(config);
      if (known === 0)
        refuse(agent, "does not dial in and has no signing secret, so there is nothing of Parley's to rotate");
      if (agent.row.source !== "api")
        refuse(agent, "is declared in parley.config.ts: put a new secret first in its `secrets` there");
      const added = kinds.addSecret(config);
      if (added === undefined)
        refuse(agent, `has ${known} signing secrets already: end the old ones with "parley agents revoke" first`);
      await replace(agent, added.config, "agent_secret_rotated", by);
      return added.shown;
    },
    async endOld(agent, by) {
      if (agent.row.source !== "api") return false;
      const config = kinds.endOldSecrets(storedConfig(agent, box));
      if (config === undefined) return false;
      await replace(agent, config, "agent_secret_ended", by);
      return true;
    },
  };
}
