import {
  agentIndex,
  type ChannelFacts,
  type InboundContext,
  type PersonFacts,
  type Translation,
} from "../../../adapters/slack/inbound-context.ts";
import { translateEvent } from "../../../adapters/slack/inbound-event.ts";
import type { FormOpening } from "../../../adapters/slack/inbound-interaction.ts";
import type { Raw } from "../../../adapters/slack/raw.ts";
import { Envelope, type EnvelopeOf, type EventKind } from "../../../src/envelope/envelope.ts";

export const BOT = "U0PARLEY";
export const TEAM = "T0HOME";
export const CHANNEL = "C0GENERAL";
export const TS = "1762000000.000100";

export interface Known {
  readonly channels?: Readonly<Record<string, ChannelFacts>>;
  readonly people?: Readonly<Record<string, PersonFacts>>;
  readonly installationId?: string;
}

export function context(known: Known = {}): InboundContext {
  return {
    organizationId: "main",
    installationId: known.installationId ?? "inst-1",
    teamId: TEAM,
    teamName: "Home",
    botUserId: BOT,
    botId: "B0PARLEY",
    appId: "A0PARLEY",
    botName: "Parley",
    agents: agentIndex([
      { agentId: "1", handle: "guide", name: "Guide" },
      { agentId: "2", handle: "assistant", name: "The Assistant" },
      { agentId: "3", handle: "release-notes", name: "Release Notes" },
    ]),
    channel: (id) => known.channels?.[id],
    person: (id) => known.people?.[id],
    newTraceId: () => "0123456789abcdef0123456789abcdef",
    nowMs: () => 1_762_000_500_000,
  };
}

/** The body of one Events API delivery. */
export function delivery(event: Raw, more: Raw = {}): Raw {
  return {
    token: "verification",
    team_id: TEAM,
    api_app_id: "A0PARLEY",
    event,
    type: "event_callback",
    event_id: "Ev0001",
    event_time: 1_762_000_000,
    authorizations: [{ enterprise_id: null, team_id: TEAM, user_id: BOT, is_bot: true, is_enterprise_install: false }],
    is_ext_shared_channel: false,
    ...more,
  };
}

export function message(text: string, more: Raw = {}): Raw {
  return {
    type: "message",
    user: "U0ANN",
    text,
    ts: TS,
    channel: CHANNEL,
    event_ts: TS,
    channel_type: "channel",
    team: TEAM,
    ...more,
  };
}

export function translate(event: Raw, known: Known = {}, more: Raw = {}): Translation {
  return translateEvent(delivery(event, more), context(known));
}

/** The envelope of an event, accepted by the schema and of the kind that is expected. */
export function envelopeOf<Kind extends EventKind>(
  translation: Translation | FormOpening | undefined,
  kind: Kind,
): EnvelopeOf<Kind> {
  if (translation?.outcome !== "envelope") throw new Error(`no envelope: ${JSON.stringify(translation)}`);
  const envelope = Envelope.parse(translation.envelope);
  if (envelope.kind !== kind) throw new Error(`expected ${kind}, got ${envelope.kind}`);
  // The kind was compared just now; TypeScript does not narrow by a type parameter.
  return envelope as EnvelopeOf<Kind>;
}

export function richText(...elements: Raw[]): Raw {
  return { type: "rich_text", block_id: "b", elements };
}

export function section(...elements: Raw[]): Raw {
  return { type: "rich_text_section", elements };
}
