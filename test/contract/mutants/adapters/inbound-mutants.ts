import { randomUUID } from "node:crypto";
import type { EnvelopeInput } from "../../../../src/envelope/envelope.ts";
import { type AdapterMutant, variantOf, withEnvelope, withSink } from "./mutant.ts";
import { isSigned, remount } from "./remount.ts";

export const inboundMutants: readonly AdapterMutant[] = [
  {
    name: "lets requests of any age in",
    breaks: "AD-AUTH-01",
    onSlackAlone: true,
    breaker: (real, { signingSecret }) =>
      variantOf(real, {
        mount: remount(real, signingSecret, (delivered) =>
          isSigned(delivered, signingSecret) && delivered.body.length < 1_000_000 ? delivered.body : undefined,
        ),
      }),
  },
  {
    name: "checks no signature",
    breaks: "AD-AUTH-01",
    onSlackAlone: true,
    breaker: (real, { signingSecret }) =>
      variantOf(real, {
        mount: remount(real, signingSecret, ({ body }) => (body.length < 1_000_000 ? body : undefined)),
      }),
  },
  {
    name: "acknowledges before the event is ingested",
    breaks: "AD-AUTH-02",
    breaker: (real) =>
      withSink(real, (sink) => ({
        ingest: async (envelope) => {
          sink.ingest(envelope).catch(() => undefined);
          return { eventId: "soon", duplicate: false };
        },
      })),
  },
  {
    name: "acknowledges what could not be ingested",
    breaks: "AD-AUTH-02",
    breaker: (real) =>
      withSink(real, (sink) => ({
        ingest: (envelope) => sink.ingest(envelope).catch(() => ({ eventId: "lost", duplicate: false })),
      })),
  },
  {
    name: "makes up a dedupeKey per delivery",
    breaks: "AD-ID-01",
    breaker: (real) => withEnvelope(real, (envelope) => ({ ...envelope, dedupeKey: randomUUID() })),
  },
  {
    name: "has one dedupeKey for all events of a message",
    breaks: "AD-ID-01",
    breaker: (real) =>
      withEnvelope(real, (envelope) =>
        "messageId" in envelope.body
          ? { ...envelope, dedupeKey: `${envelope.installationId}:${envelope.body.messageId}` }
          : envelope,
      ),
  },
  {
    name: "joins ids without telling them apart",
    breaks: "AD-ID-01",
    onSlackAlone: true,
    breaker: (real) =>
      withEnvelope(real, (envelope) => ({
        ...envelope,
        dedupeKey: envelope.dedupeKey.replaceAll(/[^A-Za-z0-9.]/gu, ""),
      })),
  },
  {
    name: "writes its keys in a new form",
    breaks: "AD-ID-01",
    breaker: (real) => withEnvelope(real, (envelope) => ({ ...envelope, dedupeKey: `v2:${envelope.dedupeKey}` })),
  },
  {
    name: "leaves the installation out of its keys",
    breaks: "AD-ID-02",
    onSlackAlone: true,
    breaker: (real) =>
      withEnvelope(real, (envelope) => ({
        ...envelope,
        dedupeKey: envelope.dedupeKey.replaceAll(envelope.installationId, ""),
        orderingKey: envelope.orderingKey.replaceAll(envelope.installationId, ""),
      })),
  },
  {
    name: "gives a trace id that is none",
    breaks: "AD-PARSE-01",
    breaker: (real) => withEnvelope(real, (envelope) => ({ ...envelope, traceId: "" })),
  },
  {
    name: "drops what it is told of members",
    breaks: "AD-PARSE-01",
    onSlackAlone: true,
    onDiscordToo: true,
    breaker: (real) =>
      withSink(real, (sink) => ({
        ingest: (envelope) =>
          envelope.kind === "member_joined"
            ? Promise.resolve({ eventId: "dropped", duplicate: false })
            : sink.ingest(envelope),
      })),
  },
  {
    name: "takes unknown events for malformed ones",
    breaks: "AD-PARSE-02",
    breaker: (real) =>
      withSink(real, (sink) => ({
        ignored: ({ platform, installationId, eventType, reason }) =>
          void sink.ingestMalformed({
            platform,
            installationId,
            organizationId: "acme",
            reason,
            raw: eventType,
            dedupeKey: randomUUID(),
          }),
      })),
  },
  {
    name: "ignores events without a reason",
    breaks: "AD-PARSE-02",
    onSlackAlone: true,
    onDiscordToo: true,
    breaker: (real) => withSink(real, (sink) => ({ ignored: (event) => sink.ignored({ ...event, reason: "" }) })),
  },
  {
    name: "throws at malformed events",
    breaks: "AD-PARSE-03",
    breaker: (real) =>
      withSink(real, () => ({
        ingestMalformed: () => Promise.reject(new TypeError("cannot read properties of undefined")),
      })),
  },
  {
    name: "acknowledges malformed events and forgets them",
    breaks: "AD-PARSE-03",
    breaker: (real) => withSink(real, () => ({ ingestMalformed: async () => undefined })),
  },
  {
    name: "takes its own posts for a person's",
    breaks: "AD-PARSE-04",
    breaker: (real) => {
      const { history } = real.features;
      const asPerson = (envelope: EnvelopeInput): EnvelopeInput =>
        envelope.sender.self === true && envelope.kind === "message_created"
          ? { ...envelope, sender: { ...envelope.sender, kind: "human", self: false } }
          : envelope;
      const mistaken = withEnvelope(real, asPerson);
      if (history === undefined) return mistaken;
      const read = async (query: Parameters<typeof history.read>[0]): Promise<readonly EnvelopeInput[]> =>
        (await history.read(query)).map(asPerson);
      return variantOf(mistaken, { features: { ...real.features, history: { read } } });
    },
  },
  {
    name: "takes other bots for people",
    breaks: "AD-PARSE-04",
    onSlackAlone: true,
    onDiscordToo: true,
    breaker: (real) =>
      withEnvelope(real, (envelope) =>
        envelope.sender.kind === "bot" && envelope.sender.self !== true
          ? { ...envelope, sender: { ...envelope.sender, kind: "human" } }
          : envelope,
      ),
  },
  {
    name: "takes the preview of a link for an edit",
    breaks: "AD-PARSE-05",
    onSlackAlone: true,
    breaker: (real, { signingSecret }) =>
      variantOf(real, {
        mount: remount(real, signingSecret, (delivered) =>
          isSigned(delivered, signingSecret) && delivered.body.includes('"message_changed"')
            ? JSON.stringify(JSON.parse(delivered.body, withOtherText))
            : undefined,
        ),
      }),
  },
  {
    name: "names the edit instead of the message that it changes",
    breaks: "AD-PARSE-05",
    onSlackAlone: true,
    onDiscordToo: true,
    breaker: (real) =>
      withEnvelope(real, (envelope) =>
        envelope.kind === "message_deleted" ? { ...envelope, body: { messageId: envelope.platformOrder } } : envelope,
      ),
  },
];

/** For JSON.parse: what the message was before an event reads as something else. */
function withOtherText(key: string, value: unknown): unknown {
  return key === "previous_message" && typeof value === "object" && value !== null
    ? { ...value, text: "other words" }
    : value;
}
