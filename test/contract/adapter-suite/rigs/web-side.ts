import type { Database } from "../../../../src/ledger/connection/database.ts";
import type { WebClient } from "../../../support/web/web-client.ts";
import type { Person } from "../harness.ts";

export interface SignedIn {
  readonly client: WebClient;
  readonly person: Person;
  /** The session's token. */
  readonly secret: string;
}

/** One organization in the shared database, with its server and people. */
export interface WebSide {
  readonly organizationId: string;
  readonly installationId: string;
  /** Without the faults. */
  readonly database: Database;
  readonly url: string;
  /** Where the platform's log can be read whatever state the adapter is in. */
  readonly readerUrl: string;
  readonly asker: SignedIn;
  readonly bystander: SignedIn;
}
