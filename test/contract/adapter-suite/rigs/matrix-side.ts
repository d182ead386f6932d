import type { EncryptedPerson, FaultProxy, MatrixPerson, RoomLog } from "../../../support/matrix/index.ts";
import type { Deliveries } from "./matrix-deliveries.ts";
import type { MatrixStage, Service } from "./matrix-stage.ts";

export const ORGANIZATION = "acme";

/** One rig's part of the homeserver. */
export interface MatrixSide {
  readonly stage: MatrixStage;
  readonly proxy: FaultProxy;
  readonly installationId: string;
  /** Undefined in the mode of a bot account. */
  readonly service: Service | undefined;
  /** The account that posts in the rig's conversations: the bot's, or the puppet of the suite's agent. */
  readonly speaker: MatrixPerson;
  readonly asker: MatrixPerson;
  readonly bystander: MatrixPerson;
  /** The same people, where rooms are encrypted. */
  readonly encrypting: { readonly asker: EncryptedPerson; readonly bystander: EncryptedPerson } | undefined;
  readonly deliveries: Deliveries;
  /** Rooms to which the speaker has invited the asker alone, and into which they went. */
  readonly directRooms: string[];
  /** What the asker sees. */
  readonly log: RoomLog;
  /** Resolves once an adapter that was started takes events, or at once when there is none that will. */
  isRunning(): Promise<boolean>;
}
