import { createHmac } from "node:crypto";
import type { Component } from "./components.ts";
import { asList, asNumber, asRecord, asString, type Raw } from "./raw.ts";

/** Discord's limit for a nonce. */
const NONCE_CHARS = 25;
/** Ids below are what Discord gives to components that have none. */
const FIRST_MARK = 1 << 20;
const MARKS = 2 ** 31 - 1 - FIRST_MARK;

/** The two marks by which a delivery is known again; only holders of the secret can make or match them. */
export interface DeliveryMark {
  /** For posts of the bot: Discord itself refuses to post it twice within some minutes. */
  readonly nonce: string;
  /** The id of the message's first component, which history shows, whoever posted. */
  readonly componentId: number;
}

export function deliveryMark(secret: string, idempotencyKey: string): DeliveryMark {
  const digest = createHmac("sha256", secret).update(idempotencyKey).digest();
  return {
    nonce: digest.toString("base64url").slice(0, NONCE_CHARS),
    componentId: FIRST_MARK + (digest.readUInt32BE(28) % MARKS),
  };
}

/** Puts the mark on the first component. */
export function marked(components: readonly Component[], mark: DeliveryMark): readonly Component[] {
  const [first, ...rest] = components;
  return first === undefined ? [] : [{ ...first, id: mark.componentId }, ...rest];
}

/** Whether a message of Discord's record carries the mark. */
export function carries(message: Raw, mark: DeliveryMark): boolean {
  return (
    asString(message["nonce"]) === mark.nonce ||
    asNumber(asRecord(asList(message["components"])[0])?.["id"]) === mark.componentId
  );
}

/** Whether it carries a mark of any delivery. */
export function isMarked(message: Raw): boolean {
  return (asNumber(asRecord(asList(message["components"])[0])?.["id"]) ?? 0) >= FIRST_MARK;
}
