/**
 * A real Synapse for tests, installed from Debian's packages, on loopback with a folder of its own.
 *
 * ```ts
 * const synapse = await startSynapse();                                // or { strictRates: true, applicationServices: [yaml] }
 * const alice = await synapse.register({ localpart: "alice" });        // { userId, accessToken, deviceId, password }
 * const api = new MatrixApi(synapse.url, alice.accessToken);
 * const { room_id } = await api.call<{ room_id: string }>("POST", "/_matrix/client/v3/createRoom", { body: { name: "lab" } });
 * await synapse.restart();                                             // keeps everything; kill9() and halt() as well
 * await synapse.stop();
 * ```
 */
export { logIn, type MatrixAccount, type NewAccount } from "./accounts.ts";
export { EncryptedPerson } from "./encrypted-person.ts";
export { MatrixApi, type MatrixCall, MatrixRefusal } from "./matrix-api.ts";
export { MatrixPerson, type NewRoom, type Words } from "./person.ts";
export { CALLS, type Call, type CallMatch } from "./proxy/call-match.ts";
export { type FaultProxy, startFaultProxy } from "./proxy/fault-proxy.ts";
export type { Fault } from "./proxy/faults.ts";
export { PushRouter } from "./push-router.ts";
export { isRedacted, type Notification, type RoomEvent, RoomLog, relationOf } from "./room-log.ts";
export { type Synapse, startSynapse } from "./synapse.ts";
export type { SynapseOptions } from "./synapse-config.ts";
