import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { inspect } from "node:util";
import type {
  AgentIdentity,
  ChatAdapter,
  OutboundPost,
  Receipt,
  RenderedPost,
  Target,
} from "../../../src/contracts/adapter.ts";
import type { EnvelopeInput } from "../../../src/envelope/envelope.ts";
import { ReplyPart, type ReplyPartInput } from "../../../src/envelope/reply.ts";
import { ParleyError } from "../../../src/errors/parley-error.ts";
import type { AdapterRig, Inbound, ShownMessage } from "./harness.ts";

/** Longest time a check waits for something that should happen, in ms; generous, for machines that do much else. */
export const PATIENCE_MS = 10_000;
/** Time in which something that should not happen would have happened, in ms. */
export const QUIET_MS = 150;

export const IDENTITY: AgentIdentity = {
  agentId: "agent-guide",
  handle: "guide",
  name: "Guide",
  color: "#006d40",
};

/** A word that occurs nowhere else and that no platform's markup touches. */
export function marker(): string {
  return `mark${randomBytes(6).toString("hex")}`;
}

export function text(markdown: string): readonly ReplyPart[] {
  return partsOf([{ type: "text", markdown }]);
}

export function partsOf(parts: readonly ReplyPartInput[]): readonly ReplyPart[] {
  return parts.map((part) => ReplyPart.parse(part));
}

export interface PostOptions {
  readonly mentionable?: readonly string[];
  readonly key?: string;
  readonly signal?: AbortSignal;
  readonly edit?: OutboundPost["edit"];
  readonly mayMentionEveryone?: () => Promise<boolean>;
}

/** The posts of a reply, as the pipeline would send them. */
export function postsFor(
  adapter: ChatAdapter,
  target: Target,
  parts: readonly ReplyPart[],
  options: PostOptions = {},
): readonly OutboundPost[] {
  const { mentionable = [], key = marker(), signal = new AbortController().signal, edit, mayMentionEveryone } = options;
  const rendered = adapter.render(parts, { identity: IDENTITY, conversation: target.conversation, mentionable });
  return rendered.map((post, index) => ({
    ...asStored(post),
    target,
    identity: IDENTITY,
    idempotencyKey: `${key}-${index}`,
    signal,
    ...(edit === undefined ? {} : { edit }),
    ...(mayMentionEveryone === undefined ? {} : { mayMentionEveryone }),
  }));
}

/** Posts go through the outbox as JSON: what does not survive that is no body. */
function asStored(post: RenderedPost): RenderedPost {
  return JSON.parse(JSON.stringify(post)) as RenderedPost; // its own JSON, read back
}

/** The only post of a reply. */
export function postFor(
  adapter: ChatAdapter,
  target: Target,
  parts: readonly ReplyPart[],
  options: PostOptions = {},
): OutboundPost {
  const [post, ...more] = postsFor(adapter, target, parts, options);
  assert.ok(post !== undefined && more.length === 0, `one post was to be rendered, not ${more.length}`);
  return post;
}

/** Renders and sends a reply, one post after another. */
export async function say(
  rig: AdapterRig,
  target: Target,
  parts: readonly ReplyPart[],
  options: PostOptions = {},
): Promise<readonly Receipt[]> {
  const receipts: Receipt[] = [];
  for (const post of postsFor(rig.adapter, target, parts, options)) receipts.push(await rig.adapter.send(post));
  return receipts;
}

/** The message that a receipt stands for, from the platform's own log. */
export async function shown(rig: AdapterRig, target: Target, receipt: Receipt | undefined): Promise<ShownMessage> {
  assert.ok(receipt !== undefined, "there is no receipt");
  const messages = await rig.platform.messages(target);
  const message = messages.find((one) => one.id === receipt.messageId);
  assert.ok(message !== undefined, `the platform has no message ${receipt.messageId} there`);
  return message;
}

/** How a promise ended. */
export async function outcomeOf<T>(work: Promise<T>): Promise<{ readonly value?: T; readonly error?: unknown }> {
  try {
    return { value: await work };
  } catch (error) {
    return { error };
  }
}

/** The error a promise ended in; anything but a ParleyError fails the check. */
export async function failureOf(work: Promise<unknown>): Promise<ParleyError> {
  const { error } = await outcomeOf(work);
  assert.ok(error !== undefined, "it was to fail and did not");
  assert.ok(error instanceof ParleyError, `it failed with something else than a ParleyError: ${inspect(error)}`);
  return error;
}

/** Resolves as the promise does, or fails after a time. */
export async function within<T>(work: Promise<T>, timeoutMs: number, complaint: string): Promise<T> {
  const waiting = new AbortController();
  const late = pause(timeoutMs, undefined, { signal: waiting.signal }).then(() => {
    throw new assert.AssertionError({ message: `${complaint} within ${timeoutMs} ms` });
  });
  late.catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    waiting.abort();
  }
}

/** Waits until a condition holds; fails when it does not within a time. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  complaint: string,
  timeoutMs: number = PATIENCE_MS,
): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  while (!(await condition())) {
    assert.ok(performance.now() < deadlineMs, `${complaint} within ${timeoutMs} ms`);
    await pause(10);
  }
}

/** Whether a promise is still open after a short time. */
export async function staysOpen(work: Promise<unknown>, timeMs: number = QUIET_MS): Promise<boolean> {
  const settled = work.then(
    () => true,
    () => true,
  );
  return !(await Promise.race([settled, pause(timeMs).then(() => false)]));
}

/** The first envelope of a kind that is about this event, come or to come. */
export async function envelopeOf(rig: AdapterRig, kind: EnvelopeInput["kind"], about: Inbound): Promise<EnvelopeInput> {
  const find = (): EnvelopeInput | undefined => rig.sink.taken.find((one) => one.kind === kind && isAbout(one, about));
  await until(() => find() !== undefined, `no envelope of ${kind} came`);
  const found = find();
  assert.ok(found !== undefined);
  return found;
}

/** Whether it is the envelope of this event: of its place, its doer and its message, as far as they are known. */
export function isAbout(envelope: EnvelopeInput, inbound: Omit<Inbound, "answer">): boolean {
  if (envelope.conversation.channel.id !== inbound.channelId) return false;
  if (inbound.actorId !== undefined && envelope.sender.id !== inbound.actorId) return false;
  return inbound.messageId === undefined || messageIdOf(envelope) === inbound.messageId;
}

export function messageIdOf(envelope: EnvelopeInput): string | undefined {
  return "messageId" in envelope.body ? envelope.body.messageId : undefined;
}

/** Everything without its blanks: what is compared where a platform may set its own line ends. */
export function condensed(words: string): string {
  return words.replace(/\s+/gu, "");
}
