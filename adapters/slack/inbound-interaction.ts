import { contentToText } from "../../src/envelope/content.ts";
import { ContentBuilder } from "../shared/content-builder.ts";
import { readActionId } from "./actions.ts";
import { answerText, type FormOrigin, readFields, readOrigin } from "./forms.ts";
import { type InboundContext, ignored, malformed, type Translation } from "./inbound-context.ts";
import { envelopeBase, type Place, personSender } from "./inbound-envelope.ts";
import { readMrkdwn } from "./inbound-mrkdwn.ts";
import { asId, asList, asRecord, asString, type Raw } from "./raw.ts";
import { asTs, msToTs } from "./timestamps.ts";

const MAX_RESPONSE_URL_CHARS = 2_048;

/** A press of a button that opens a form: nothing for the pipeline yet, but the modal has to open within 3 s. */
export interface FormOpening {
  readonly outcome: "open_form";
  readonly triggerId: string;
  readonly packed: string;
  readonly origin: FormOrigin;
}

/**
 * Translates a slash command.
 *
 * `/parley stop`, `/parley ask @guide …`: the first word is the command, the rest its text; a text that begins with a name
 * is an `ask`, no text at all is `help`. https://docs.slack.dev/interactivity/implementing-slash-commands
 */
export function translateCommand(command: Raw, context: InboundContext, ownCommand: string): Translation {
  const channelId = asId(command["channel_id"]);
  const userId = asId(command["user_id"]);
  const triggerId = asString(command["trigger_id"])?.slice(0, 128);
  const name = asString(command["command"]);
  if (channelId === undefined || userId === undefined || name === undefined || triggerId === undefined)
    return malformed("command without name, channel, person or trigger");
  const [word, rest] = splitCommand(name, (asString(command["text"]) ?? "").trim(), ownCommand);
  const into = new ContentBuilder(context);
  readMrkdwn(rest, into);
  const { content, mentions } = into.finish();
  const responseUrl = asString(command["response_url"]);
  const place: Place = { channelId, ...placeOfCommand(asString(command["channel_name"])) };
  const sender = personSender(context, userId, asString(command["user_name"]));
  return {
    outcome: "envelope",
    envelope: {
      ...envelopeBase(context, place, sender, msToTs(context.nowMs()), ["command", channelId, triggerId]),
      kind: "command_invoked",
      body: {
        command: word,
        text: contentToText(content).trim(),
        mentions,
        ...(responseUrl === undefined || responseUrl.length > MAX_RESPONSE_URL_CHARS
          ? {}
          : { responseToken: responseUrl }),
      },
    },
  };
}

const COMMANDS: ReadonlySet<string> = new Set([
  "ask",
  "agents",
  "help",
  "invite",
  "pause",
  "resume",
  "schedules",
  "stop",
  "takeover",
  "uninvite",
]);

/** A word that is no command asks for help, with what was typed: who mistypes gets a hint and no agent at work. */
function splitCommand(name: string, text: string, ownCommand: string): readonly [string, string] {
  if (name !== ownCommand) {
    const word = name.replace(/^\//u, "").toLowerCase();
    return COMMANDS.has(word) ? [word, text] : ["help", `${name} ${text}`.trim()];
  }
  if (text === "") return ["help", ""];
  const word = /^\S+/u.exec(text)?.[0] ?? "";
  if (!/^[A-Za-z][\w-]{0,63}$/u.test(word)) return ["ask", text];
  return COMMANDS.has(word.toLowerCase()) ? [word.toLowerCase(), text.slice(word.length).trimStart()] : ["help", text];
}

/** Slack gives stand-ins for names of conversations that have none. */
function placeOfCommand(channelName: string | undefined): Pick<Place, "channelName" | "channelType"> {
  if (channelName === undefined) return {};
  if (channelName === "directmessage") return { channelType: "im" };
  if (channelName === "privategroup") return { channelType: "group" };
  if (channelName.startsWith("mpdm-")) return { channelType: "mpim" };
  return { channelName: channelName.slice(0, 256) };
}

/**
 * Translates `block_actions` and `view_submission`; one payload may hold several actions.
 *
 * https://docs.slack.dev/interactivity/handling-user-interaction
 */
export function translateInteraction(payload: Raw, context: InboundContext): readonly (Translation | FormOpening)[] {
  const userId = asId(asRecord(payload["user"])?.["id"]);
  if (userId === undefined) return [malformed("interaction without a person")];
  switch (payload["type"]) {
    case "block_actions": {
      const actions = asList(payload["actions"]);
      return actions.length === 0
        ? [malformed("block_actions without an action")]
        : actions.map((action) => translateAction(payload, asRecord(action), userId, context));
    }
    case "view_submission":
      return [translateSubmission(payload, userId, context)];
    default:
      return [ignored(`interaction ${asString(payload["type"])?.slice(0, 64) ?? "without a type"}`)];
  }
}

function translateAction(
  payload: Raw,
  action: Raw | undefined,
  userId: string,
  context: InboundContext,
): Translation | FormOpening {
  const container = asRecord(payload["container"]);
  const message = asRecord(payload["message"]);
  const channel = asRecord(payload["channel"]);
  const channelId = asId(channel?.["id"]) ?? asId(container?.["channel_id"]);
  const messageId = asTs(message?.["ts"]) ?? asTs(container?.["message_ts"]);
  const actionId = asString(action?.["action_id"])?.slice(0, 255);
  if (action === undefined || actionId === undefined) return malformed("action without an id");
  if (channelId === undefined) return ignored("action outside of a conversation");
  const threadTs = asTs(message?.["thread_ts"]) ?? asTs(container?.["thread_ts"]);
  const place: Place = { channelId, threadId: threadTs === messageId ? undefined : threadTs };
  const at = asTs(action["action_ts"]) ?? msToTs(context.nowMs());
  const sender = personSender(context, userId, asString(asRecord(payload["user"])?.["name"]));
  const base = envelopeBase(context, place, sender, at, ["action", channelId, messageId ?? "", actionId, userId, at]);
  const known = readActionId(actionId);
  if (known.purpose === "stop")
    return {
      outcome: "envelope",
      envelope: { ...base, kind: "session_stopped", body: messageId === undefined ? {} : { messageId } },
    };
  if (known.purpose === "input") {
    const packed = asString(action["value"]);
    const triggerId = asString(payload["trigger_id"]);
    if (packed === undefined || triggerId === undefined || messageId === undefined)
      return malformed("form button without its form");
    const threadId = place.threadId === undefined ? {} : { threadId: place.threadId };
    return {
      outcome: "open_form",
      triggerId,
      packed,
      origin: {
        inputId: known.inputId,
        channelId,
        messageId,
        channelKind: base.conversation.channel.kind,
        ...threadId,
      },
    };
  }
  return {
    outcome: "envelope",
    envelope: {
      ...base,
      kind: "action_submitted",
      body: {
        actionId: known.purpose === "approval" ? known.approvalId : actionId,
        value: answerText(action),
        ...(messageId === undefined ? {} : { messageId }),
        fields: readFields(payload["state"]),
      },
    },
  };
}

const TYPE_OF_KIND: Readonly<Record<string, string>> = {
  public: "channel",
  private: "group",
  direct: "im",
  group_direct: "mpim",
};

function translateSubmission(payload: Raw, userId: string, context: InboundContext): Translation {
  const view = asRecord(payload["view"]);
  const origin = readOrigin(view?.["private_metadata"]);
  if (view === undefined || origin === undefined) return ignored("not a form of Parley");
  const viewId = asId(view["id"]);
  const channelId = asId(origin.channelId);
  const messageId = asTs(origin.messageId);
  if (viewId === undefined || channelId === undefined || messageId === undefined)
    return malformed("form without its place");
  const place: Place = {
    channelId,
    threadId: asTs(origin.threadId),
    channelType: TYPE_OF_KIND[origin.channelKind ?? ""],
  };
  const sender = personSender(context, userId, asString(asRecord(payload["user"])?.["name"]));
  return {
    outcome: "envelope",
    envelope: {
      ...envelopeBase(context, place, sender, msToTs(context.nowMs()), ["form", viewId]),
      kind: "action_submitted",
      body: { actionId: origin.inputId.slice(0, 255), messageId, fields: readFields(view["state"]) },
    },
  };
}
