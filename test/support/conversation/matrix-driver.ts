import { randomBytes } from "node:crypto";
import { readAsk } from "../../../adapters/matrix/ask.ts";
import { matrixRegistration } from "../../../adapters/matrix/registration.ts";
import {
  isRedacted,
  MatrixPerson,
  type RoomEvent,
  RoomLog,
  relationOf,
  type Synapse,
  startSynapse,
} from "../matrix/index.ts";
import { AGENT, type ChatDriver, PERSON, type SayOptions, type ShownPost } from "./chat-driver.ts";
import { until } from "./until.ts";

const SENDER = "parley";
const PREFIX = "parley_";
const BOT_NAME = "Parley";
/** The agents of every Parley are in the room, too, as they are in a channel of the one bot. */
const OTHERS = ["guide", "assistant"];

/** How Parley is in the room. */
interface Presence {
  readonly synapse: Synapse;
  readonly env: Readonly<Record<string, string>>;
  readonly accounts: readonly string[];
  /** Whom people name to speak with the agent, under which name clients show it, and what they write behind it. */
  readonly named: { readonly userId: string; readonly name: string; readonly behind: string };
  /** That address in the ledger's words. */
  readonly address: string;
}

/** A room of a real Synapse, in which every agent has an account of its own: Parley is an application service there. */
export async function matrixDriver(parleyUrl: string): Promise<ChatDriver> {
  const tokens = { appServiceToken: randomBytes(24).toString("hex"), homeserverToken: randomBytes(24).toString("hex") };
  const registration = matrixRegistration({
    url: parleyUrl,
    ...tokens,
    senderLocalpart: SENDER,
    puppetPrefix: PREFIX,
  });
  const synapse = await startSynapse({ applicationServices: [registration] });
  const accountOf = (handle: string): string => `@${PREFIX}${handle}:${synapse.serverName}`;
  return await driverOf({
    synapse,
    env: {
      MATRIX_HOMESERVER_URL: synapse.url,
      MATRIX_AS_TOKEN: tokens.appServiceToken,
      MATRIX_HS_TOKEN: tokens.homeserverToken,
    },
    accounts: [AGENT.handle, ...OTHERS].map(accountOf),
    named: { userId: accountOf(AGENT.handle), name: AGENT.name, behind: "" },
    address: `@${AGENT.handle}`,
  });
}

/** The same with one bot account for all agents. */
export async function matrixBotDriver(): Promise<ChatDriver> {
  const synapse = await startSynapse();
  const bot = await synapse.register({ localpart: SENDER, displayName: BOT_NAME });
  return await driverOf({
    synapse,
    env: {
      MATRIX_HOMESERVER_URL: synapse.url,
      MATRIX_ACCESS_TOKEN: bot.accessToken,
      MATRIX_PACING: "off",
    },
    accounts: [bot.userId],
    named: { userId: bot.userId, name: BOT_NAME, behind: ` ${AGENT.handle}` },
    address: `@${BOT_NAME} ${AGENT.handle}`,
  });
}

async function driverOf({ synapse, env, accounts, named, address }: Presence): Promise<ChatDriver> {
  const account = await synapse.register({ localpart: PERSON.toLowerCase(), displayName: PERSON });
  const person = new MatrixPerson(synapse.url, account);
  const log = new RoomLog(synapse.url, account.accessToken);
  const reactions = new Map<string, string>();
  let room = "";

  /** As clients send it: the name in the text is a link to the account, which is also named apart from the text. */
  const wordsOf = (text: string, thread?: string): object => {
    const { userId, name } = named;
    const pill = `<a href="https://matrix.to/#/${userId}">${name}</a>`;
    const isNamed = text.includes(userId);
    return {
      body: text.replace(userId, name),
      ...(isNamed && { format: "org.matrix.custom.html", formatted_body: text.replace(userId, pill) }),
      "m.mentions": isNamed ? { user_ids: [userId] } : {},
      ...(thread !== undefined && {
        "m.relates_to": {
          rel_type: "m.thread",
          event_id: thread,
          is_falling_back: true,
          "m.in_reply_to": { event_id: thread },
        },
      }),
    };
  };

  async function fileOf({ file }: SayOptions): Promise<object> {
    if (file === undefined) return { msgtype: "m.text" };
    const bytes = new TextEncoder().encode(file.text);
    const url = await person.upload(file.name, bytes, file.mediaType);
    const info = { mimetype: file.mediaType, size: bytes.length };
    return { msgtype: "m.file", filename: file.name, url, info };
  }

  async function postsIn(thread: string | undefined): Promise<readonly ShownPost[]> {
    const own = (await log.events(room)).filter(
      (event) => event.type === "m.room.message" && event.sender !== person.userId && !isRedacted(event),
    );
    const edits = own.filter((event) => relationOf(event).rel_type === "m.replace");
    return await Promise.all(
      own
        .filter((event) => !edits.includes(event) && (thread === undefined || threadOf(event) === thread))
        .map(async (event): Promise<ShownPost> => {
          const edit = edits.findLast((one) => relationOf(one).event_id === event.event_id);
          const content = (edit?.content["m.new_content"] ?? event.content) as Content; // as the specification has it
          const { url, "com.beeper.per_message_profile": shownName } = content;
          return {
            id: event.event_id,
            thread: threadOf(event),
            author: shownName?.displayname ?? (await nameOf(event.sender)),
            text: url === undefined ? content.body.replace(`${shownName?.displayname}: `, "") : "",
            files:
              url === undefined
                ? []
                : [
                    {
                      name: content.filename ?? content.body,
                      read: async () => new TextDecoder().decode(await log.media(url)),
                    },
                  ],
          };
        }),
    );
  }

  async function nameOf(userId: string): Promise<string> {
    const { displayname } = await person.state<{ displayname?: string }>(room, "m.room.member", userId);
    return displayname ?? userId;
  }

  return {
    platform: "matrix",
    livesInParley: false,
    env,
    channel: () => room,
    async connect() {
      if (room !== "") return;
      room = await person.createRoom({ name: "lab", invite: accounts });
      await until("everybody in the room", async () => {
        const members = await log.members(room);
        return accounts.every((one) => members.get(one) === "join") ? true : undefined;
      });
    },
    address,
    ask: (words) => `${named.userId}${named.behind} ${words}`,
    say: async (text, options = {}) =>
      await person.send(room, "m.room.message", {
        ...(await fileOf(options)),
        ...wordsOf(text, options.thread),
      }),
    async edit(messageId, text) {
      const content = { msgtype: "m.text", ...wordsOf(text) };
      await person.send(room, "m.room.message", {
        ...content,
        body: `* ${text}`,
        "m.new_content": content,
        "m.relates_to": { rel_type: "m.replace", event_id: messageId },
      });
    },
    remove: async (messageId) => void (await person.redact(room, messageId)),
    async react(messageId, emoji) {
      reactions.set(`${messageId} ${emoji}`, await person.react(room, messageId, emoji));
    },
    async unreact(messageId, emoji) {
      await person.redact(room, reactions.get(`${messageId} ${emoji}`) ?? "");
    },
    emojiOf: (reaction) => reaction,
    async choose(post, { index }) {
      // The message names its signs; those that stand under it already save people the typing.
      const sign = await until("the signs of the question", async () => {
        const asked = (await log.events(room)).find((event) => event.event_id === post.id);
        const ask = readAsk(asked?.content);
        return ask?.kind === "approval" ? ask.options[index]?.sign : undefined;
      });
      await person.react(room, post.id, sign);
    },
    posts: postsIn,
    close: () => synapse.stop(),
  };
}

interface Content {
  readonly body: string;
  readonly filename?: string;
  readonly url?: string;
  readonly "com.beeper.per_message_profile"?: { readonly displayname: string };
}

function threadOf(event: RoomEvent): string | undefined {
  const relation = relationOf(event);
  return relation.rel_type === "m.thread" ? relation.event_id : undefined;
}
