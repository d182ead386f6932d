import { DeviceLists } from "@matrix-org/matrix-sdk-crypto-wasm";
import type { Logger } from "../../../src/contracts/logger.ts";
import { asInteger, asList, asRecord, asString, type Raw } from "../raw.ts";
import type { Machine } from "./client-machine.ts";
import { sdkUserId } from "./client-sealing.ts";

/** Hands the machine what a sync answer says to the device: messages, changed devices of others, its own keys that are left. */
export async function takeKeys({ olm }: Machine, answer: Raw, logger: Logger): Promise<void> {
  const events = asList(asRecord(answer["to_device"])?.["events"]).filter(isForMachine);
  const counts = new Map(
    Object.entries(asRecord(answer["device_one_time_keys_count"]) ?? {}).flatMap(([algorithm, value]) => {
      const count = asInteger(value);
      return count === undefined ? [] : [[algorithm, count] as const];
    }),
  );
  const unused = answer["device_unused_fallback_key_types"];
  const take = (some: readonly unknown[]): Promise<unknown> =>
    olm.receiveSyncChanges(
      JSON.stringify(some),
      deviceLists(asRecord(answer["device_lists"])),
      counts,
      Array.isArray(unused) ? new Set(unused.filter((type) => typeof type === "string")) : undefined,
    );
  try {
    await take(events);
  } catch (error) {
    if (error instanceof WebAssembly.RuntimeError) throw error;
    // One message that the machine cannot bear must not hold up all later ones for ever.
    logger.warn({ err: error, messages: events.length }, "the crypto module refused a sync answer; one at a time");
    for (const event of events)
      await take([event]).catch((cause: unknown) => {
        logger.error({ err: cause }, "a message to this device was dropped: the crypto module refuses it");
      });
  }
}

/** Verification by comparing emoji needs a person at this end. */
function isForMachine(value: unknown): boolean {
  const event = asRecord(value);
  const type = asString(event?.["type"]);
  return (
    type !== undefined &&
    !type.startsWith("m.key.verification.") &&
    sdkUserId(event?.["sender"]) !== undefined &&
    asRecord(event?.["content"]) !== undefined
  );
}

function deviceLists(lists: Raw | undefined): DeviceLists {
  const users = (part: string) => asList(lists?.[part]).flatMap((userId) => sdkUserId(userId) ?? []);
  return new DeviceLists(users("changed"), users("left"));
}
