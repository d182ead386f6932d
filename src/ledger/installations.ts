import { createHash } from "node:crypto";
import type { Installation, InstallationStore } from "../contracts/adapter-sink.ts";
import type { Logger } from "../contracts/logger.ts";
import { ParleyError } from "../errors/parley-error.ts";
import { appendAudit } from "./audit-log.ts";
import { endInstallation } from "./barred.ts";
import type { Database } from "./connection/database.ts";
import type { SecretBox, SecretPlace } from "./secret-box.ts";

interface InstallationRecord {
  readonly id: string;
  readonly organization_id: string;
  readonly platform: string;
  readonly external_id: string;
  readonly name: string;
  readonly status: Installation["status"];
  readonly settings: Installation["settings"];
  readonly secrets: string | null;
}

const COLUMNS = "id, organization_id, platform, external_id, name, status, settings, secrets";

/** The store of connected platform tenants; secrets are sealed before they reach the database. */
export function createInstallationStore(database: Database, box: SecretBox, logger: Logger): InstallationStore {
  const place = (organizationId: string, platform: string, installationId: string): SecretPlace => ({
    organizationId,
    platform,
    installationId,
    field: "secrets",
  });

  function toInstallation(row: InstallationRecord): Installation {
    return {
      installationId: row.id,
      organizationId: row.organization_id,
      platform: row.platform,
      externalId: row.external_id,
      name: row.name,
      status: row.status,
      settings: row.settings,
      secrets: row.secrets === null ? {} : box.open(place(row.organization_id, row.platform, row.id), row.secrets),
    };
  }

  return {
    async list(platform) {
      const rows = await database.query<InstallationRecord>(
        {
          text: `select ${COLUMNS} from installations where platform = $1 and status <> 'removed' order by created_at`,
        },
        [platform],
      );
      return rows.flatMap((row) => {
        try {
          return [toInstallation(row)];
        } catch (error) {
          // One tenant's unreadable secrets must not take the others down; it is connected again by its operator.
          logger.error({ err: error, installationId: row.id }, "an installation's secrets cannot be opened");
          return [];
        }
      });
    },
    async save(installation) {
      const { organizationId, platform, externalId, name, settings, secrets } = installation;
      const id = `i_${createHash("sha256")
        .update(JSON.stringify([organizationId, platform, externalId]))
        .digest("hex")
        .slice(0, 20)}`;
      const [row] = await database.query<InstallationRecord>(
        {
          text: `insert into installations (id, organization_id, platform, external_id, name, settings, secrets) values ($1, $2, $3, $4, $5, $6::jsonb, $7)
            on conflict (organization_id, platform, external_id) do update set name = excluded.name, settings = excluded.settings, secrets = excluded.secrets,
              status = 'active', status_reason = null, updated_at = now()
            returning ${COLUMNS}`,
        },
        [
          id,
          organizationId,
          platform,
          externalId,
          name,
          JSON.stringify(settings),
          box.seal(place(organizationId, platform, id), secrets),
        ],
      );
      if (row === undefined)
        throw new ParleyError("INVARIANT_BROKEN", { detail: "an installation was saved and not returned" });
      return toInstallation(row);
    },
    async setStatus(installationId, status, reason) {
      await database.transaction(async (tx) => {
        const [row] = await tx.query<{ organization_id: string }>(
          {
            text: `update installations set status = $2, status_reason = $3, updated_at = now(), secrets = case when $2 = 'removed' then null else secrets end
              where id = $1 returning organization_id`,
          },
          [installationId, status, reason],
        );
        if (row === undefined) return;
        if (status === "removed") await endInstallation(tx, installationId, "installation_removed");
        await appendAudit(tx, row.organization_id, [
          { what: "grant_changed", by: "platform", installation: installationId, status, rule: reason },
        ]);
      });
    },
  };
}
