import type { PersonThere } from "../../src/contracts/adapter-sink.ts";
import { contentToText } from "../../src/envelope/content.ts";
import type { EnvelopeInput } from "../../src/envelope/envelope.ts";
import { ContentBuilder } from "../shared/content-builder.ts";
import { readCustomId } from "./actions.ts";
import { readFields } from "./forms.ts";
import { type InboundContext, malformed, type NoEnvelope } from "./inbound-context.ts";
import { envelopeBase, personSender, placeOf } from "./inbound-envelope.ts";
import { readMarkdown } from "./inbound-markdown.ts";
import { asId, asList, asNumber, asRecord, asString, type Raw } from "./raw.ts";

const TYPE = { ping: 1, command: 2, component: 3, autocomplete: 4, form: 5 } as const;
const STRING_OPTION = 3;
const MAX_TEXT_CHARS = 6_000;

/** How an interaction is answered within the 3 s that Discord waits. */
export type Acknowledgement =
  /** Shows the question to everybody: the answer comes as a message of its own. */
  | { readonly form: "question"; readonly text: string }
  /** Waits with a line that the caller alone sees; what is said follows under its token. */
  | { readonly form: "private" }
  /** Changes nothing that can be seen. */
  | { readonly form: "silent" };

/** What an interaction asks for. */
export type InteractionOutcome =
  | { readonly outcome: "event"; readonly envelope: EnvelopeInput; readonly acknowledge: Acknowledgement }
  /** Not an event yet: the form has to open at once. */
  | { readonly outcome: "open_form"; readonly inputId: string }
  /** Nothing is asked for yet; `person` is who types, where. */
  | { readonly outcome: "suggest"; readonly typed: string; readonly word: string; readonly person: PersonThere }
  | NoEnvelope;

/** Translates INTERACTION_CREATE. https://docs.discord.com/developers/interactions/receiving-and-responding */
export function translateInteraction(interaction: Raw, context: InboundContext, command: string): InteractionOutcome {
  const id = asId(interaction["id"]);
  const token = asString(interaction["token"]);
  const channelId = asId(interaction["channel_id"]) ?? asId(asRecord(interaction["channel"])?.["id"]);
  const data = asRecord(interaction["data"]);
  if (id === undefined || token === undefined) return malformed("interaction without id or token");
  const type = asNumber(interaction["type"]);
  if (type !== TYPE.command && type !== TYPE.component && type !== TYPE.form && type !== TYPE.autocomplete)
    return { outcome: "ignored", reason: `interaction type ${type ?? "unknown"}` };
  const member = asRecord(interaction["member"]);
  const user = asRecord(member?.["user"]) ?? asRecord(interaction["user"]);
  const sender = user === undefined ? undefined : personSender(context, user, member);
  if (channelId === undefined || sender === undefined || data === undefined)
    return malformed("interaction without channel, person or data");
  const direct = asId(interaction["guild_id"]) === undefined;
  const base = envelopeBase(context, placeOf(context, channelId, direct), sender, id, ["interaction", id]);
  if (type === TYPE.autocomplete) {
    const { organizationId, installationId, conversation } = base;
    const person = { organizationId, installationId, conversation, sender };
    return { outcome: "suggest", typed: focusedText(data), word: subcommandOf(data), person };
  }
  if (type === TYPE.command) return commandOf(data, { base, context, command, token });
  return actionOf(type, data, asId(asRecord(interaction["message"])?.["id"]), base);
}

interface CommandParts {
  readonly base: ReturnType<typeof envelopeBase>;
  readonly context: InboundContext;
  readonly command: string;
  readonly token: string;
}

/** `/parley ask agent question`, `/parley stop`: the subcommand is the command, its options the text. */
function commandOf(data: Raw, { base, context, command, token }: CommandParts): InteractionOutcome {
  const name = asString(data["name"]);
  if (name === undefined) return malformed("command without a name");
  const own = name === command;
  const sub = own ? asRecord(asList(data["options"])[0]) : data;
  const word = own ? (asString(sub?.["name"]) ?? "help") : name;
  const options = new Map(
    asList(sub?.["options"]).flatMap((item) => {
      const option = asRecord(item);
      const text = option?.["type"] === STRING_OPTION ? asString(option["value"]) : undefined;
      return text === undefined ? [] : [[asString(option?.["name"]) ?? "", text.slice(0, MAX_TEXT_CHARS)] as const];
    }),
  );
  const into = new ContentBuilder(context);
  const agent = options.get("agent")?.replace(/^@/u, "");
  if (agent !== undefined) into.prose(`@${agent} `);
  const question = [...options].flatMap(([key, value]) => (key === "agent" ? [] : [value])).join(" ");
  readMarkdown(question, into, context, false);
  const { content, mentions } = into.finish();
  return {
    outcome: "event",
    envelope: {
      ...base,
      kind: "command_invoked",
      body: {
        command: word.slice(0, 64),
        text: contentToText(content).trim(),
        mentions: { ...mentions, everyone: false },
        responseToken: token.slice(0, 2_048),
      },
    },
    acknowledge: word === "ask" ? { form: "question", text: contentToText(content).trim() } : { form: "private" },
  };
}

function actionOf(
  type: number,
  data: Raw,
  messageId: string | undefined,
  base: ReturnType<typeof envelopeBase>,
): InteractionOutcome {
  const customId = asString(data["custom_id"])?.slice(0, 100);
  if (customId === undefined) return malformed("interaction without the id of its component");
  const known = readCustomId(customId);
  const about = messageId === undefined ? {} : { messageId };
  const acknowledge: Acknowledgement = { form: "silent" };
  if (known.purpose === "stop")
    return { outcome: "event", envelope: { ...base, kind: "session_stopped", body: about }, acknowledge };
  if (known.purpose === "input" && type === TYPE.component) return { outcome: "open_form", inputId: known.inputId };
  const action =
    known.purpose === "approval"
      ? { actionId: known.approvalId, value: known.optionId, fields: {} }
      : known.purpose === "form"
        ? { actionId: known.inputId, fields: readFields(data["components"]) }
        : { actionId: customId, value: valuesOf(data), fields: readFields(data["components"]) };
  return {
    outcome: "event",
    envelope: {
      ...base,
      kind: "action_submitted",
      body: { ...action, actionId: action.actionId.slice(0, 255), ...about },
    },
    acknowledge,
  };
}

function valuesOf(data: Raw): string {
  return asList(data["values"])
    .flatMap((value) => asString(value) ?? [])
    .join(", ")
    .slice(0, MAX_TEXT_CHARS);
}

function subcommandOf(data: Raw): string {
  return asString(asRecord(asList(data["options"])[0])?.["name"]) ?? "";
}

function focusedText(data: Raw | undefined): string {
  const options = asList(asRecord(asList(data?.["options"])[0])?.["options"]);
  const focused = options.map(asRecord).find((option) => option?.["focused"] === true);
  return (asString(focused?.["value"]) ?? "").slice(0, 100);
}
